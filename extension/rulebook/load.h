/*
 * load.h
 *	  Between reading rows (load.c) and making one book of them (link.c, calendars.c).
 */
#ifndef TRIAGE_RULEBOOK_LOAD_H
#define TRIAGE_RULEBOOK_LOAD_H

#include "rulebook/book.h"

/* calendars.c */
extern void calendar_add_hours(Book *book, Calendar *c, int weekday, int opens, int closes);
/* as_weekday 0 and opens < 0: closed */
extern void calendar_add_day(Book *book, Calendar *c, int32 day, int as_weekday, int opens, int closes);
extern void link_calendars(Book *book);

/* duty.c */
extern void link_duty(Book *book);

/* link.c */
extern void link_areas(Book *book);
extern void link_departments(Book *book);
extern void link_types(Book *book);
extern void link_policies(Book *book);
extern void link_routes(Book *book);
extern void build_term_matcher(Book *book);
extern void collect_turns(Book *book);

#endif
