/*
 * image.c
 *	  Makes, stores and fetches the image of the rules.
 *
 * Layout: ImageHeader; for each table its rows, for each column a 4-byte
 * length (-1 = null), the bytes, a terminator, and padding to 4; the blocks of
 * image.h, each at a multiple of 8.  In a block a pointer is a number: of
 * bytes into the pool for a text, of the case type or area plus 1 (0 = NULL)
 * else.  The image is this server's own scratch, not an exchange format:
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

PG_FUNCTION_INFO_V1(triage_store_image);

#define IMAGE_MAGIC	 0x74626f6b /* "tbok" */
#define IMAGE_FORMAT 5

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

/* Put a text into the pool; returns where it stands. */
static uintptr_t
pool_put(StringInfo pool, const char *text, size_t len)
{
	uintptr_t at = pool->len;

	appendBinaryStringInfo(pool, text, len);
	appendStringInfoChar(pool, '\0');
	return at;
}

/* The same of a text that may be NULL: 0 stands for that, because the pool's first text is another. */
static const char *
pool_put_optional(StringInfo pool, const char *text)
{
	return text == NULL ? NULL : (const char *) pool_put(pool, text, strlen(text));
}

static void *
matcher_alloc(void *arg, size_t size)
{
	return palloc_extended(size, MCXT_ALLOC_HUGE);
}

/* A matcher over texts of the pool, counting from it. */
static TermMatcher *
pool_matcher(const StringInfo pool, const uintptr_t *at, const uint32 *len, int n)
{
	TermText	*texts = palloc(Max(n, 1) * sizeof(TermText));
	TermMatcher *m;

	for (int i = 0; i < n; i++)
		texts[i] = (TermText){pool->data + at[i], len[i]};
	m = terms_build(texts, n, matcher_alloc, NULL);
	terms_relate(m, pool->data);
	pfree(texts);
	return m;
}

#define NUMBERED(pointer, base) ((void *) (uintptr_t) ((pointer) == NULL ? 0 : (pointer) - (base) + 1))

static void
put_blocks(StringInfo s, ImageHeader *header, const Book *book)
{
	int			   n = book->nterms;
	int			   p = book->nplaces;
	uintptr_t	  *at = palloc((n + p + 1) * sizeof(uintptr_t));
	uint32		  *len = palloc((n + p + 1) * sizeof(uint32));
	Term		  *terms = palloc(Max(n, 1) * sizeof(Term));
	PlaceName	  *places = palloc(Max(p, 1) * sizeof(PlaceName));
	StringInfoData pool;
	TermMatcher	  *m;

	initStringInfo(&pool);
	/* without rows there may be no array to copy from */
	if (n > 0)
		memcpy(terms, book->terms, n * sizeof(Term));
	for (int i = 0; i < n; i++)
	{
		at[i] = pool_put(&pool, terms[i].text, terms[i].len);
		len[i] = term_matched_len(&terms[i]);
		terms[i].text = (const char *) at[i];
		terms[i].type = NUMBERED(terms[i].type, book->types);
	}
	if (p > 0)
		memcpy(places, book->places, p * sizeof(PlaceName));
	for (int i = 0; i < p; i++)
	{
		at[n + i] = pool_put(&pool, places[i].text, len[n + i] = places[i].len);
		places[i].text = (const char *) at[n + i];
		places[i].initials = pool_put_optional(&pool, places[i].initials);
		places[i].houses = pool_put_optional(&pool, places[i].houses);
		places[i].area = NUMBERED(places[i].area, book->areas);
	}
	put_block(s, header, BLOCK_POOL, pool.data, pool.len);
	put_block(s, header, BLOCK_TERMS, terms, n * sizeof(Term));
	m = pool_matcher(&pool, at, len, n);
	put_block(s, header, BLOCK_TERM_MATCHER, m, terms_size(m));
	put_block(s, header, BLOCK_PLACES, places, p * sizeof(PlaceName));
	m = pool_matcher(&pool, at + n, len + n, p);
	put_block(s, header, BLOCK_PLACE_MATCHER, m, terms_size(m));
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

/* Is this the image of a book, whole and by a server like this one? */
static bool
image_is_sound(const char *image, size_t len)
{
	const ImageHeader *header = (const ImageHeader *) image;

	return len >= sizeof(ImageHeader) && header->magic == IMAGE_MAGIC && header->format == IMAGE_FORMAT &&
		   header->server == PG_VERSION_NUM && header->tables == IMAGE_TABLES &&
		   header->term_size == sizeof(Term) && header->place_size == sizeof(PlaceName) &&
		   header->len == len && header->checksum == image_checksum(image, len);
}

char *
image_fetch(Snapshot snapshot, int64 version, MemoryContext mcxt)
{
	Source source = {snapshot, NULL};
	Reader r;
	char  *image = NULL;

	reader_open(&r, &source, FROM_IMAGE);
	if (reader_next(&r) && col_int64(&r, 0) == version)
	{
		MemoryContext old = MemoryContextSwitchTo(mcxt);
		bytea		 *value = DatumGetByteaPCopy(col_datum(&r, 1));
		size_t		  len = VARSIZE(value) - VARHDRSZ;

		MemoryContextSwitchTo(old);
		if (len > LEAD_BYTES && image_is_sound(VARDATA(value) + LEAD_BYTES, len - LEAD_BYTES))
			image = VARDATA(value) + LEAD_BYTES;
		else
			pfree(value);
	}
	reader_close(&r);
	return image;
}

static void *
block_of(char *image, ImageBlock block)
{
	return image + ((ImageHeader *) image)->block[block];
}

/* A sound image was made by this code from this server's rows: what it says is not checked again. */
static TermMatcher *
adopt_matcher(char *image, ImageBlock block)
{
	TermMatcher *m = terms_adopt(block_of(image, block), ((ImageHeader *) image)->block_len[block],
								 block_of(image, BLOCK_POOL));

	if (m == NULL)
		elog(ERROR, "the image of the rules does not fit this library");
	return m;
}

#define POINTED(number, base) ((uintptr_t) (number) == 0 ? NULL : &(base)[(uintptr_t) (number) -1])

void
image_adopt(char *image, Book *book)
{
	const ImageHeader *header = (const ImageHeader *) image;
	const char		  *pool = block_of(image, BLOCK_POOL);

	book->terms = block_of(image, BLOCK_TERMS);
	book->nterms = header->block_len[BLOCK_TERMS] / sizeof(Term);
	for (int i = 0; i < book->nterms; i++)
	{
		Term *t = &book->terms[i];

		t->text = pool + (uintptr_t) t->text;
		t->type = POINTED(t->type, book->types);
	}
	book->term_matcher = adopt_matcher(image, BLOCK_TERM_MATCHER);
	book->places = block_of(image, BLOCK_PLACES);
	book->nplaces = header->block_len[BLOCK_PLACES] / sizeof(PlaceName);
	for (int i = 0; i < book->nplaces; i++)
	{
		PlaceName *p = &book->places[i];

		p->text = pool + (uintptr_t) p->text;
		p->initials = p->initials == NULL ? NULL : pool + (uintptr_t) p->initials;
		p->houses = p->houses == NULL ? NULL : pool + (uintptr_t) p->houses;
		p->area = POINTED(p->area, book->areas);
	}
	book->place_matcher = adopt_matcher(image, BLOCK_PLACE_MATCHER);
}
