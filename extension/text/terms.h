/*
 * terms.h
 *	  Finds all occurrences of many terms in a folded text in one pass.
 *
 * Pure C: no server headers, no global state.  Memory comes from the
 * allocator given at build time and is never freed here: the caller resets
 * its own arena.  The matcher is read-only after the build and holds no
 * pointers outside its own block and the caller's term bytes.
 */
#ifndef TRIAGE_TEXT_TERMS_H
#define TRIAGE_TEXT_TERMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * One term: folded UTF-8 bytes that stay where they are while the matcher
 * lives.  An empty term, or one that is not UTF-8, is never found.
 */
typedef struct TermText
{
	const char *bytes;
	uint32_t	len;
} TermText;

typedef struct TermMatcher TermMatcher;

/* An occurrence: bytes [start, end) of the text are term number id. */
typedef struct TermHit
{
	uint32_t start;
	uint32_t end;
	uint32_t id; /* index into the array given to terms_build */
} TermHit;

typedef void *(*TermAlloc)(void *arg, size_t size);

/*
 * Build a matcher over n terms.  Several terms may be the same text; all are
 * reported.  Calls alloc once, for memory aligned to 8 bytes; about 40 bytes a
 * term.  The array itself may go afterwards.  Returns NULL only when alloc
 * does.
 */
extern TermMatcher *terms_build(const TermText *terms, uint32_t n, TermAlloc alloc, void *arg);

/*
 * Report every occurrence, overlapping ones too, in order of start, then of
 * longer first, then of id, until max are stored; returns the number found,
 * which may be more than max (the caller may grow its array and call again)
 * and stops at UINT32_MAX.  A text in the server has less than 1 GB, so that
 * 32 bits hold every offset.
 *
 * A term that begins with an ASCII letter or digit is found only where no
 * ASCII letter or digit stands before it, likewise at its end: "cat" is not
 * in "education".
 */
extern uint32_t terms_find(const TermMatcher *m, const char *text, size_t len, TermHit *hits, uint32_t max);

/*
 * A matcher can be kept as bytes.  terms_relate() makes it count the terms'
 * places from `pool`, a block that holds the bytes of all its terms; then the
 * terms_size() bytes at m may be copied.  terms_adopt() makes a matcher that
 * uses such a copy where it lies and only reads it: block is aligned to 8
 * bytes and stays, pool is a copy of the pool.  It calls alloc once, for a
 * small head.  NULL when the sizes do not agree or alloc says so; that the
 * contents are what was copied is the caller's to check.
 */
extern void			terms_relate(TermMatcher *m, const char *pool);
extern TermMatcher *terms_adopt(const void *block, size_t size, const char *pool, TermAlloc alloc, void *arg);

/* Bytes the matcher occupies, without the terms' own bytes. */
extern size_t terms_size(const TermMatcher *m);

#endif
