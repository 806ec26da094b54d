/*
 * arena.c
 *	  Small strings of a book, packed into large chunks of its context.
 *
 * A book has tens of thousands of short strings; an allocation each would
 * cost more than reading the rows.
 */
#include "postgres.h"

#include "utils/memutils.h"

#include "rulebook/arena.h"

#define ARENA_CHUNK 65536

char *
arena_alloc(Arena *arena, size_t size)
{
	char *result;

	if (size > arena->left)
	{
		size_t chunk = Max(size, ARENA_CHUNK);

		arena->next = MemoryContextAlloc(arena->mcxt, chunk);
		arena->left = chunk;
	}
	result = arena->next;
	arena->next += size;
	arena->left -= size;
	return result;
}

char *
arena_copy(Arena *arena, const char *bytes, size_t len)
{
	char *copy = arena_alloc(arena, len + 1);

	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}
