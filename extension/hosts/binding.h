/*
 * binding.h
 *	  What triage.bindings says, kept for the session and forgotten when it,
 *	  or a table concerned, changes.
 */
#ifndef TRIAGE_HOSTS_BINDING_H
#define TRIAGE_HOSTS_BINDING_H

#include "executor/spi.h"

#include "hosts/mapping.h"

typedef struct Binding
{
	Oid			  relation;
	const char	 *kind;
	bool		  generic; /* kind table */
	Jsonb		 *mapping;
	const char	 *channel;
	bool		  at_commit; /* hook */
	bool		  off;
	const char	 *problem; /* NULL = it works */
	bool		  noted;   /* bindings.problem says the same */
	const char	 *runs_as;
	Oid			  role;		 /* runs_as; InvalidOid = it is gone */
	Mapping		 *map;		 /* against `relation`; for kinds with a driver its keys only */
	SPIPlanPtr	  lock;		 /* made when first used: lock the ticket, */
	SPIPlanPtr	  lock_free; /* unless somebody else has, */
	SPIPlanPtr	  write;	 /* write it */
	SPIPlanPtr	  reader;
	Oid			  reader_type; /* row type that reader was made for */
	MemoryContext mcxt;
} Binding;

/* A table with our trigger, and the binding it belongs to. */
typedef struct HostSource
{
	Oid		 relid;	  /* key: the table, or a partition of it */
	Binding *binding; /* NULL = none */
	Mapping *map;	  /* against relid; NULL where the binding has a driver or a problem */
} HostSource;

/* The source that rows of relid belong to; call as any user, within a transaction. */
extern HostSource *host_source(Oid relid);

/* The same when it is known already, without any look at tables; NULL = not known. */
extern HostSource *host_source_known(Oid relid);

/* The binding of a ticket table; NULL = none. */
extern Binding *binding_of(Oid relation);

/* Is anything attached at all?  Costs nothing when asked again. */
extern bool bindings_any(void);

/* Store what was found about a binding where it differs from what stands there. */
extern void binding_note(Binding *b);

/*
 * Become the role that reads and writes the host's tables; connects to SPI.
 * An error undoes it with the (sub)transaction.
 */
typedef struct HostRole
{
	Oid user;
	int context;
	int guc_level;
} HostRole;

extern void host_role_begin(HostRole *r, const Binding *b);
extern void host_role_end(HostRole *r);

/* Between these two rows are written for us: their triggers are not to listen. */
extern void host_writing_begin(void);
extern void host_writing_end(void);
/* For a guard, which undoes what an error left set. */
extern int	host_writing_depth(void);
extern void host_writing_restore(int depth);

extern void bindings_init(void);

#endif
