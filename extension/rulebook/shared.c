/*
 * shared.c
 *	  Images of the rules in memory that all sessions share.
 *
 * A shelf in the server's shared memory says which dynamic segment holds the
 * image of which rules, one for each database.  A segment on the shelf is
 * pinned; one that was taken off goes with the last session whose book lies in
 * it.  Version and digest name the rules: equal ones are the same rules even
 * when one transaction that made them was rolled back.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/dsm.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "base/catalog.h"
#include "rulebook/shared.h"

#define TRANCHE "pg_triage rulebook"

/* Databases whose rules are shared; a server with more of them shares those of some. */
#define PLACES 32

typedef struct Place
{
	Oid			  database; /* InvalidOid = free */
	Oid			  relid;	/* of triage.rulebook: another one when the extension was created anew */
	int64		  version;
	unsigned char digest[16];
	Size		  len;
	dsm_handle	  handle; /* DSM_HANDLE_INVALID = there was no memory for it */
} Place;

typedef struct Shelf
{
	LWLock *lock;
	int		next; /* the place that is given up when all are taken */
	Place	places[PLACES];
} Shelf;

/* A segment in which books of this session lie. */
typedef struct Mapping
{
	dsm_handle		handle;
	dsm_segment	   *segment;
	int				books;
	struct Mapping *next;
} Mapping;

/* A book's share of a mapping, in the book's context. */
typedef struct Use
{
	MemoryContextCallback callback;
	Mapping				 *mapping;
} Use;

static Shelf   *shelf = NULL;
static Mapping *mappings = NULL;

static shmem_request_hook_type next_request_hook = NULL;
static shmem_startup_hook_type next_startup_hook = NULL;

static void
request_memory(void)
{
	if (next_request_hook)
		next_request_hook();
	RequestAddinShmemSpace(MAXALIGN(sizeof(Shelf)));
	RequestNamedLWLockTranche(TRANCHE, 1);
}

static void
make_shelf(void)
{
	bool found;

	if (next_startup_hook)
		next_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shelf = ShmemInitStruct("pg_triage rulebook", sizeof(Shelf), &found);
	if (!found)
	{
		memset(shelf, 0, sizeof(Shelf));
		shelf->lock = &GetNamedLWLockTranche(TRANCHE)->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shared_request(void)
{
	next_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	next_startup_hook = shmem_startup_hook;
	shmem_startup_hook = make_shelf;
}

/* ---- the shelf, under its lock ---- */

static Place *
place_of_database(void)
{
	for (int i = 0; i < PLACES; i++)
		if (shelf->places[i].database == MyDatabaseId)
			return &shelf->places[i];
	return NULL;
}

/* This database's place when it is about the book's rules; relid is asked before the lock is taken. */
static Place *
place_of_book(const Book *book, Oid relid)
{
	Place *p = place_of_database();

	if (p == NULL || p->relid != relid || p->version != book->version ||
		memcmp(p->digest, book->digest, sizeof(p->digest)) != 0)
		return NULL;
	return p;
}

/* This database's place, a free one, or that of another database. */
static Place *
place_to_take(void)
{
	Place *p = place_of_database();

	for (int i = 0; i < PLACES && p == NULL; i++)
		if (!OidIsValid(shelf->places[i].database))
			p = &shelf->places[i];
	if (p == NULL)
	{
		p = &shelf->places[shelf->next];
		shelf->next = (shelf->next + 1) % PLACES;
	}
	return p;
}

static void
place_fill(const Book *book, Oid relid, Size len, dsm_handle handle)
{
	Place *p = place_to_take();

	if (OidIsValid(p->database) && p->handle != DSM_HANDLE_INVALID)
		dsm_unpin_segment(p->handle);
	p->database = MyDatabaseId;
	p->relid = relid;
	p->version = book->version;
	memcpy(p->digest, book->digest, sizeof(p->digest));
	p->len = len;
	p->handle = handle;
}

/* ---- using ---- */

static void
mapping_release(void *arg)
{
	Mapping *m = ((Use *) arg)->mapping;

	if (--m->books > 0)
		return;
	for (Mapping **at = &mappings; *at != NULL; at = &(*at)->next)
		if (*at == m)
		{
			*at = m->next;
			break;
		}
	dsm_detach(m->segment);
	pfree(m);
}

/* The mapping of a segment in this session; NULL when the segment is no more. */
static Mapping *
mapping_of(dsm_handle handle)
{
	dsm_segment *segment;
	Mapping		*m;

	for (m = mappings; m != NULL; m = m->next)
		if (m->handle == handle)
			return m;
	m = MemoryContextAllocZero(TopMemoryContext, sizeof(Mapping));
	segment = dsm_attach(handle);
	if (segment == NULL)
	{
		pfree(m);
		return NULL;
	}
	dsm_pin_mapping(segment);
	*m = (Mapping){handle, segment, 0, mappings};
	mappings = m;
	return m;
}

const char *
shared_find(Book *book, size_t *len)
{
	Oid		 relid = triage_relid("rulebook");
	Mapping *m = NULL;
	Place	*p;
	Use		*use;

	if (shelf == NULL)
		return NULL;
	use = MemoryContextAllocZero(book->mcxt, sizeof(Use));
	LWLockAcquire(shelf->lock, LW_SHARED);
	p = place_of_book(book, relid);
	if (p != NULL && p->handle != DSM_HANDLE_INVALID)
	{
		*len = p->len;
		m = mapping_of(p->handle);
	}
	LWLockRelease(shelf->lock);
	if (m == NULL)
		return NULL;
	m->books++;
	use->mapping = m;
	use->callback = (MemoryContextCallback){mapping_release, use, NULL};
	MemoryContextRegisterResetCallback(book->mcxt, &use->callback);
	return dsm_segment_address(m->segment);
}

/* ---- offering ---- */

static void
put_on_shelf(const Book *book, Oid relid, const char *image, Size len)
{
	dsm_segment *segment = dsm_create(len, DSM_CREATE_NULL_IF_MAXSEGMENTS);

	if (segment != NULL)
		memcpy(dsm_segment_address(segment), image, len);
	LWLockAcquire(shelf->lock, LW_EXCLUSIVE);
	/* another session may have been faster */
	if (place_of_book(book, relid) == NULL)
	{
		if (segment != NULL)
			dsm_pin_segment(segment);
		place_fill(book, relid, len, segment ? dsm_segment_handle(segment) : DSM_HANDLE_INVALID);
	}
	LWLockRelease(shelf->lock);
	if (segment != NULL)
		dsm_detach(segment);
}

/* Without memory for a segment the place says so, and nobody tries again with these rules. */
static void
put_without_error(const Book *book, Oid relid, const char *image, Size len)
{
	MemoryContext mcxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;

	BeginInternalSubTransaction(NULL);
	PG_TRY();
	{
		put_on_shelf(book, relid, image, len);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(mcxt);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		LWLockAcquire(shelf->lock, LW_EXCLUSIVE);
		if (place_of_book(book, relid) == NULL)
			place_fill(book, relid, len, DSM_HANDLE_INVALID);
		LWLockRelease(shelf->lock);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(mcxt);
	CurrentResourceOwner = owner;
}

void
shared_offer(const Book *book, const char *image, size_t len)
{
	Oid	 relid = triage_relid("rulebook");
	bool wanted;

	/* a parallel worker may not begin a subtransaction; the next session will do it */
	if (shelf == NULL || IsInParallelMode())
		return;
	LWLockAcquire(shelf->lock, LW_SHARED);
	wanted = place_of_book(book, relid) == NULL;
	LWLockRelease(shelf->lock);
	if (wanted)
		put_without_error(book, relid, image, len);
}
