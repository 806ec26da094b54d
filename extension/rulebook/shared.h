/*
 * shared.h
 *	  Images of the rules in memory that all sessions share.
 *
 * It exists only where the library was preloaded; without it nothing is found
 * and offers are not taken.
 */
#ifndef TRIAGE_RULEBOOK_SHARED_H
#define TRIAGE_RULEBOOK_SHARED_H

#include "rulebook/book.h"

/* In _PG_init of the postmaster: ask for the memory. */
extern void shared_request(void);

/*
 * The image of the book's version and digest in this database, with its
 * length; NULL when it is not there.  Not to be written to; it stays as long as
 * the book's memory context does.
 */
extern const char *shared_find(Book *book, size_t *len);

/*
 * Let other sessions have an image, in place of an older one of this database.
 * That there is no memory for it is no error: they read it from the table.
 */
extern void shared_offer(const Book *book, const char *image, size_t len);

#endif
