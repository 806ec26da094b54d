/*
 * arena.h
 *	  Small strings of a book, packed into large chunks of its context.
 */
#ifndef TRIAGE_RULEBOOK_ARENA_H
#define TRIAGE_RULEBOOK_ARENA_H

#include "utils/palloc.h"

typedef struct Arena
{
	MemoryContext mcxt;
	char		 *next;
	size_t		  left;
} Arena;

/* Never fails: out of memory is the server's error. */
extern char *arena_alloc(Arena *arena, size_t size);
extern char *arena_copy(Arena *arena, const char *bytes, size_t len); /* adds a terminator */

#endif
