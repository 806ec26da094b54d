/*
 * load.h
 *	  Between reading rows (load.c, words.c) and making one book of them (link.c, calendars.c).
 */
#ifndef TRIAGE_RULEBOOK_LOAD_H
#define TRIAGE_RULEBOOK_LOAD_H

#include "rulebook/book.h"
#include "rulebook/source.h"

/* calendars.c */
extern void calendar_add_hours(Book *book, Calendar *c, int weekday, int opens, int closes);
/* as_weekday 0 and opens < 0: closed */
extern void calendar_add_day(Book *book, Calendar *c, int32 day, int as_weekday, int opens, int closes);
extern void link_calendars(Book *book);

/* duty.c */
extern void link_duty(Book *book);

/* words.c */
extern void load_words(Book *book, const Source *source);
extern void collect_turns(Book *book);
/* Matchers of one's own; alloc as for terms_build(). */
extern TermMatcher *term_matcher_build(const Book *book, TermAlloc alloc, void *arg);
extern TermMatcher *place_matcher_build(const Book *book, TermAlloc alloc, void *arg);

/* link.c */
extern void *book_alloc(void *book, size_t size); /* a TermAlloc */
extern void	 link_areas(Book *book);
extern void	 link_departments(Book *book);
extern void	 link_types(Book *book);
extern void	 link_policies(Book *book);
extern void	 link_routes(Book *book);

#endif
