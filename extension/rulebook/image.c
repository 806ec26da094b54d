/*
 * image.c
 *	  Makes, stores and fetches the image of the rules.
 *
 * Layout: ImageHeader; for each table its rows, for each column a 4-byte
 * length (-1 = null), the bytes, a terminator, and padding to 4; the blocks of
 * image.h, each at a multiple of 8.  There is no pointer in it, so that it can
 * be used wherever it lies, and nobody writes to it.  The image is this server's own scratch, not an exchange format:
 * another server version, another library version or a wrong checksum make it
 * void.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "port/pg_crc32c.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/geo_decls.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/spi.h"
#include "rulebook/image.h"
#include "rulebook/load.h"
#include "rulebook/shared.h"

PG_FUNCTION_INFO_V1(triage_store_image);

#define IMAGE_MAGIC	 0x74626f6b /* "tbok" */
#define IMAGE_FORMAT 6

/* Bytes before the image in its column: with a value's own header they make it begin at a multiple of 8. */
#define LEAD_BYTES (8 - VARHDRSZ)

/* ---- making: rows ---- */

static void
put_value(StringInfo s, const void *bytes, int32 len)
{
	appendBinaryStringInfo(s, (const char *) &len, sizeof(len));
	if (len < 0)
		return;
	appendBinaryStringInfo(s, bytes, len);
	for (int i = len; i < (int) INTALIGN(len + 1); i++)
		appendStringInfoChar(s, '\0');
}

static void
put_list(StringInfo s, Datum array)
{
	StringInfoData list;
	Datum		  *items;
	bool		  *nulls;
	int			   n;

	initStringInfo(&list);
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
	for (int i = 0; i < n; i++)
	{
		appendStringInfoString(&list, nulls[i] ? "" : TextDatumGetCString(items[i]));
		appendStringInfoChar(&list, '\0');
	}
	put_value(s, list.data, list.len);
}

static void
put_column(StringInfo s, const Reader *r, int c)
{
	Datum		d = col_datum(r, c);
	int			len;
	const char *bytes;

	if (col_is_null(r, c))
	{
		put_value(s, NULL, -1);
		return;
	}
	switch (col_type(r, c))
	{
		case TEXTOID:
			bytes = col_bytes(r, c, &len);
			put_value(s, bytes, len);
			break;
		case TEXTARRAYOID:
			put_list(s, d);
			break;
		case BOOLOID:
			put_value(s, DatumGetBool(d) ? "\1" : "\0", 1);
			break;
		case INT4OID:
		case DATEOID:
			put_value(s, &(int32){DatumGetInt32(d)}, sizeof(int32));
			break;
		case INT8OID:
		case TIMEOID:
		case TIMESTAMPTZOID:
			put_value(s, &(int64){DatumGetInt64(d)}, sizeof(int64));
			break;
		case INTERVALOID:
			put_value(s, DatumGetIntervalP(d), sizeof(Interval));
			break;
		case POLYGONOID:
			put_value(s, DatumGetPolygonP(d)->p, DatumGetPolygonP(d)->npts * sizeof(Point));
			break;
		default:
			elog(ERROR, "unexpected column type %u in the configuration", col_type(r, c));
	}
}

static void
put_rows(StringInfo s, ImageHeader *header, FromTable table, Snapshot snapshot)
{
	Source source = {snapshot, NULL};
	Reader r;

	header->offset[table] = s->len;
	/* these stand in the blocks */
	if (table == FROM_TERMS || table == FROM_CONTEXT_WORDS || table == FROM_AREA_NAMES)
		return;
	reader_open(&r, &source, table);
	while (reader_next(&r))
	{
		/* most areas have no outline */
		if (table == FROM_BOUNDARIES && col_is_null(&r, 1))
			continue;
		for (int c = 0; c < r.ncolumns; c++)
			put_column(s, &r, c);
		header->rows[table]++;
	}
	reader_close(&r);
}

/* ---- making: blocks ---- */

static void
put_block(StringInfo s, ImageHeader *header, ImageBlock block, const void *bytes, size_t len)
{
	while (s->len % 8 != 0)
		appendStringInfoChar(s, '\0');
	header->block[block] = s->len;
	header->block_len[block] = len;
	appendBinaryStringInfo(s, bytes, len);
}

static void *
matcher_alloc(void *arg, size_t size)
{
	return palloc_extended(size, MCXT_ALLOC_HUGE);
}

/* A matcher that counts from the pool, as one that is kept must. */
static void
put_matcher(StringInfo s, ImageHeader *header, ImageBlock block, TermMatcher *m, const char *pool)
{
	terms_relate(m, pool);
	put_block(s, header, block, m, terms_size(m));
	pfree(m);
}

static void
put_blocks(StringInfo s, ImageHeader *header, const Book *book)
{
	put_block(s, header, BLOCK_POOL, book->pool, book->pool_len);
	put_block(s, header, BLOCK_TERMS, book->terms, book->nterms * sizeof(Term));
	put_matcher(s, header, BLOCK_TERM_MATCHER, term_matcher_build(book, matcher_alloc, NULL), book->pool);
	put_block(s, header, BLOCK_PLACES, book->places, book->nplaces * sizeof(PlaceName));
	put_matcher(s, header, BLOCK_PLACE_MATCHER, place_matcher_build(book, matcher_alloc, NULL), book->pool);
}

static pg_crc32c
image_checksum(const char *image, size_t len)
{
	pg_crc32c crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, image + sizeof(ImageHeader), len - sizeof(ImageHeader));
	FIN_CRC32C(crc);
	return crc;
}

/* The value of the column image, without its length word. */
static void
image_make(Snapshot snapshot, StringInfo value)
{
	ImageHeader	   header = {.magic = IMAGE_MAGIC,
							 .format = IMAGE_FORMAT,
							 .server = PG_VERSION_NUM,
							 .tables = IMAGE_TABLES,
							 .term_size = sizeof(Term),
							 .place_size = sizeof(PlaceName)};
	Book		  *book = book_build_from_tables(snapshot);
	StringInfoData s;

	initStringInfo(&s);
	appendBinaryStringInfo(&s, (const char *) &header, sizeof(header));
	for (int t = 0; t < IMAGE_TABLES; t++)
		put_rows(&s, &header, t, snapshot);
	put_blocks(&s, &header, book);
	MemoryContextDelete(book->mcxt);
	header.len = s.len;
	header.checksum = image_checksum(s.data, s.len);
	memcpy(s.data, &header, sizeof(header));
	initStringInfo(value);
	appendBinaryStringInfo(value, "\0\0\0\0\0\0\0", LEAD_BYTES);
	appendBinaryStringInfo(value, s.data, s.len);
	pfree(s.data);
}

/*
 * Deferred trigger on triage.rulebook: when a change of the rules commits,
 * its image is stored, once however many statements changed them.
 */
Datum
triage_store_image(PG_FUNCTION_ARGS)
{
	static KeptPlan current = {.sql = "SELECT b.version, i.version IS NOT DISTINCT FROM b.version"
									  " AND i.digest IS NOT DISTINCT FROM b.digest, b.digest"
									  " FROM triage.rulebook b LEFT JOIN triage.rulebook_image i ON true",
							   .nargs = 0};
	static KeptPlan store = {
		.sql = "INSERT INTO triage.rulebook_image AS i (version, digest, image) VALUES ($1, $2, $3)"
			   " ON CONFLICT (one) DO UPDATE SET version = $1, digest = $2, image = $3",
		.nargs = 3,
		.types = {INT8OID, BYTEAOID, BYTEAOID}};
	OwnerSwitch sw;
	bool		isnull;

	triage_owner_begin(&sw);
	if (triage_run(&current, NULL, NULL, SPI_OK_SELECT) == 1 && !DatumGetBool(triage_result(0, 2, &isnull)))
	{
		Datum		   args[3];
		StringInfoData s;
		Snapshot	   snapshot = RegisterSnapshot(GetLatestSnapshot());
		bytea		  *value;

		args[0] = triage_result(0, 1, &isnull);
		args[1] = triage_result(0, 3, &isnull);
		image_make(snapshot, &s);
		UnregisterSnapshot(snapshot);
		value = palloc(VARHDRSZ + s.len);
		SET_VARSIZE(value, VARHDRSZ + s.len);
		memcpy(VARDATA(value), s.data, s.len);
		args[2] = PointerGetDatum(value);
		triage_run(&store, args, NULL, SPI_OK_INSERT);
	}
	triage_owner_end(&sw);
	return PointerGetDatum(NULL);
}

/* ---- using ---- */

/* Was it made by a server and a library like these? */
static bool
image_is_ours(const char *image, size_t len)
{
	const ImageHeader *header = (const ImageHeader *) image;

	return len >= sizeof(ImageHeader) && header->magic == IMAGE_MAGIC && header->format == IMAGE_FORMAT &&
		   header->server == PG_VERSION_NUM && header->tables == IMAGE_TABLES &&
		   header->term_size == sizeof(Term) && header->place_size == sizeof(PlaceName) && header->len == len;
}

/* The image as stored, in the book's context; NULL when there is none of this version or it is not sound. */
static const char *
image_fetch(const Book *book, Snapshot snapshot)
{
	Source		source = {snapshot, NULL};
	Reader		r;
	const char *image = NULL;
	int			len;

	reader_open(&r, &source, FROM_IMAGE);
	if (reader_next(&r) && col_int64(&r, 0) == book->version &&
		memcmp(col_bytes(&r, 1, &len), book->digest, sizeof(book->digest)) == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(book->mcxt);
		bytea		 *value = DatumGetByteaPCopy(col_datum(&r, 2));
		size_t		  size = VARSIZE(value) - VARHDRSZ;

		MemoryContextSwitchTo(old);
		image = VARDATA(value) + LEAD_BYTES;
		if (size <= LEAD_BYTES || !image_is_ours(image, size - LEAD_BYTES) ||
			((const ImageHeader *) image)->checksum != image_checksum(image, size - LEAD_BYTES))
		{
			pfree(value);
			image = NULL;
		}
	}
	reader_close(&r);
	return image;
}

const char *
image_get(Book *book, Snapshot snapshot)
{
	size_t		len;
	const char *image = shared_find(book, &len);

	if (image != NULL && image_is_ours(image, len))
		return image;
	image = image_fetch(book, snapshot);
	if (image != NULL)
		shared_offer(book, image, ((const ImageHeader *) image)->len);
	return image;
}

static const void *
block_of(const char *image, ImageBlock block)
{
	return image + ((const ImageHeader *) image)->block[block];
}

/* A sound image was made by this code from this server's rows: what it says is not checked again. */
static TermMatcher *
adopt_matcher(const char *image, ImageBlock block, Book *book)
{
	TermMatcher *m = terms_adopt(block_of(image, block), ((const ImageHeader *) image)->block_len[block],
								 book->pool, book_alloc, book);

	if (m == NULL)
		elog(ERROR, "the image of the rules does not fit this library");
	return m;
}

void
image_adopt(const char *image, Book *book)
{
	const ImageHeader *header = (const ImageHeader *) image;

	book->pool = block_of(image, BLOCK_POOL);
	book->pool_len = header->block_len[BLOCK_POOL];
	book->terms = block_of(image, BLOCK_TERMS);
	book->nterms = header->block_len[BLOCK_TERMS] / sizeof(Term);
	book->term_matcher = adopt_matcher(image, BLOCK_TERM_MATCHER, book);
	book->places = block_of(image, BLOCK_PLACES);
	book->nplaces = header->block_len[BLOCK_PLACES] / sizeof(PlaceName);
	book->place_matcher = adopt_matcher(image, BLOCK_PLACE_MATCHER, book);
}
