/*
 * codes.c
 *	  Lookups by code inside a book: open addressing over arrays of structs.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "port/pg_bitutils.h"
#include "utils/memutils.h"

#include "base/names.h"
#include "rulebook/book.h"

const char *const nature_names[] = {"police", "nonpolice", "joint", "undetermined", NULL};
const char *const stage_names[] = {"triage",  "accept",	   "arrive",	"feedback",
								   "resolve", "ring_back", "assist",	"return_request",
								   "return",  "whistle",   "hand_over", "review",
								   "redo",	  "call_back", "suspended", NULL};
const char *const duty_names[] = {"lead", "assist", "on_scene", "backup", "expert", "agent", NULL};
const char *const unit_names[] = {"min", "h", "d", "wh", "wd", NULL};
const char *const action_names[] = {"remind",		 "urge",  "supervise", "escalate",
									"police_backup", "alert", NULL};

static const char *
code_at(const CodeIndex *index, int32 i)
{
	return *(const char *const *) (index->base + (size_t) i * index->stride);
}

void
code_index_build(CodeIndex *index, void *base, size_t stride, int n, MemoryContext mcxt)
{
	uint32 size = pg_nextpower2_32(Max(n * 2, 8));

	index->base = base;
	index->stride = stride;
	index->mask = size - 1;
	index->slots = MemoryContextAlloc(mcxt, size * sizeof(int32));
	memset(index->slots, 0xff, size * sizeof(int32));
	for (int32 i = 0; i < n; i++)
	{
		const char *code = code_at(index, i);
		uint32		h = hash_bytes((const unsigned char *) code, strlen(code)) & index->mask;

		while (index->slots[h] >= 0)
			h = (h + 1) & index->mask;
		index->slots[h] = i;
	}
}

void *
code_index_find(const CodeIndex *index, const char *code, int len)
{
	uint32 h;

	if (index->slots == NULL)
		return NULL;
	h = hash_bytes((const unsigned char *) code, len) & index->mask;
	for (int32 i; (i = index->slots[h]) >= 0; h = (h + 1) & index->mask)
	{
		const char *have = code_at(index, i);

		if (strncmp(have, code, len) == 0 && have[len] == '\0')
			return index->base + (size_t) i * index->stride;
	}
	return NULL;
}

bool
area_within(const Area *inner, const Area *outer)
{
	if (outer == NULL)
		return true;
	for (; inner != NULL && inner->depth >= outer->depth; inner = inner->parent)
		if (inner == outer)
			return true;
	return false;
}

static uint32
kind_hash(const char *kind, const Area *area)
{
	uint32 h = hash_bytes((const unsigned char *) kind, strlen(kind));

	return hash_combine(h, (uint32) ((uintptr_t) area >> 4));
}

static Department *
unit_at(const Book *book, const char *kind, const Area *area)
{
	const KindIndex *index = &book->kind_index;
	uint32			 h;

	if (index->slots == NULL)
		return NULL;
	h = kind_hash(kind, area) & index->mask;
	for (Department *d; (d = index->slots[h]) != NULL; h = (h + 1) & index->mask)
		if (d->area == area && strcmp(d->kind, kind) == 0)
			return d;
	return NULL;
}

/* Fill the (kind, area) index; of two units of one kind in one area the first by code counts. */
void kind_index_build(Book *book);

void
kind_index_build(Book *book)
{
	KindIndex *index = &book->kind_index;
	uint32	   size = pg_nextpower2_32(Max(book->ndepartments * 2, 8));

	index->mask = size - 1;
	index->slots = MemoryContextAllocZero(book->mcxt, size * sizeof(Department *));
	for (int i = 0; i < book->ndepartments; i++)
	{
		Department *d = &book->departments[i];
		uint32		h = kind_hash(d->kind, d->area) & index->mask;
		bool		seen = false;

		for (; index->slots[h] != NULL; h = (h + 1) & index->mask)
		{
			Department *other = index->slots[h];

			if (other->area == d->area && strcmp(other->kind, d->kind) == 0)
			{
				seen = true;
				if (strcmp(d->code, other->code) < 0)
					index->slots[h] = d;
				break;
			}
		}
		if (!seen)
			index->slots[h] = d;
	}
}

/*
 * What stands above a kind.  Packs hold a general unit whose code is its kind;
 * otherwise any unit of the kind tells.
 */
static const char *
superior_kind(const Book *book, const char *kind)
{
	Department *general = book_department(book, kind, strlen(kind));

	if (general != NULL && strcmp(general->kind, kind) == 0)
		return general->superior;
	for (int i = 0; i < book->ndepartments; i++)
		if (strcmp(book->departments[i].kind, kind) == 0)
			return book->departments[i].superior;
	return NULL;
}

#define MAX_SUPERIORS 8

Department *
book_unit(const Book *book, const char *kind, Area *area)
{
	const char *kinds[MAX_SUPERIORS];
	int			nkinds = 0;

	kinds[nkinds++] = kind;
	for (Area *a = area; a != NULL; a = a->parent)
	{
		for (int i = 0; i < MAX_SUPERIORS; i++)
		{
			Department *d;

			if (i == nkinds)
			{
				const char *up = superior_kind(book, kinds[i - 1]);

				if (up == NULL)
					break;
				kinds[nkinds++] = up;
			}
			d = unit_at(book, kinds[i], a);
			if (d != NULL)
				return d;
		}
	}
	/* units without an area answer everywhere */
	return unit_at(book, kind, NULL);
}

Department *
book_superior(const Book *book, const Department *department, Area *area)
{
	Department *d;

	if (department->superior == NULL)
		return NULL;
	d = book_unit(book, department->superior, department->area != NULL ? department->area : area);
	return d == department ? NULL : d;
}

Department *
book_centre(const Book *book, Area *area)
{
	Department *d = book_unit(book, KIND_CENTRE, area != NULL ? area : book->root_area);

	if (d == NULL)
		ereport(ERROR,
				(errcode(TRIAGE_ERRCODE_RULE), errmsg("no governance centre is configured"),
				 errdetail("A case that no route takes needs an owner: a department of kind \"%s\".",
						   KIND_CENTRE),
				 errhint("Load a rule pack, for example SELECT * FROM triage.load_pack('zhejiang').")));
	return d;
}
