/*
 * image.h
 *	  All rules of one version as one value.
 *
 * The image in triage.rulebook_image is stored when a change of the rules
 * commits.  A new session reads it instead of fifteen tables, whose catalog
 * entries alone cost it more than the rows; when the image is missing or of
 * another version, it reads the tables.  Terms and place names, which are
 * nearly all of it, stand in it as the book has them, matchers included: a
 * session uses them where they lie, with a preloaded library in memory that
 * all sessions share.
 */
#ifndef TRIAGE_RULEBOOK_IMAGE_H
#define TRIAGE_RULEBOOK_IMAGE_H

#include "rulebook/book.h"
#include "rulebook/source.h"

/* What stands in an image ready for use. */
typedef enum ImageBlock
{
	BLOCK_POOL, /* texts of terms and places, each terminated */
	BLOCK_TERMS,
	BLOCK_TERM_MATCHER,
	BLOCK_PLACES,
	BLOCK_PLACE_MATCHER
} ImageBlock;
#define IMAGE_BLOCKS (BLOCK_PLACE_MATCHER + 1)

typedef struct ImageHeader
{
	uint32 magic;
	uint32 format;
	uint32 server; /* PG_VERSION_NUM: another server folds text otherwise */
	uint32 tables;
	uint32 term_size; /* of the structs in the blocks */
	uint32 place_size;
	uint32 len;		 /* of the whole */
	uint32 checksum; /* CRC-32C of all that follows the header */
	uint32 offset[IMAGE_TABLES];
	uint32 rows[IMAGE_TABLES];
	uint32 block[IMAGE_BLOCKS];
	uint32 block_len[IMAGE_BLOCKS];
} ImageHeader;

/*
 * The image of the book's version and digest, shared or the session's own; it
 * lives as long as the book.  NULL when none is stored or it is not sound.
 */
extern const char *image_get(Book *book, Snapshot snapshot);

/* Terms, place names and their matchers of a book whose areas and case types are those of the image. */
extern void image_adopt(const char *image, Book *book);

#endif
