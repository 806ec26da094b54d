/*
 * queue.h
 *	  The courier's view of triage.deliveries: claim, record, release.
 */
#ifndef TRIAGE_WORKER_QUEUE_H
#define TRIAGE_WORKER_QUEUE_H

#include "postgres.h"

#include "lib/ilist.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "net/net.h"
#include "worker/share.h"

#define FLIGHT_SIGNATURE 200
#define FLIGHT_METHOD	 8

/* One attempt of one delivery, from its claim until its result is recorded: a single allocation. */
typedef struct Flight
{
	dlist_node	node;
	int64		case_id;
	pg_uuid_t	id;
	int			attempts; /* this one included */
	Receiver   *receiver;
	TimestampTz finished; /* when its result came */
	bool		settled;  /* recorded, or of no interest any more */
	NetResult	result;
	NetRequest	request;
	char		id_text[40];
	char		method[FLIGHT_METHOD]; /* "" = POST */
	/* of the body; or what stands behind "Authorization:" */
	char signature[FLIGHT_SIGNATURE];
	char text[FLEXIBLE_ARRAY_MEMBER]; /* the body, then the url */
} Flight;

/*
 * All of these run inside the caller's transaction, as owner.  Deliveries to
 * one endpoint about one case go in order: a delivery is due when no earlier
 * one of its case and endpoint is unfinished.
 */

/*
 * Lease what is due and add it to `flights`, allocated in mcxt.  Returns how
 * many.  With `careful`, rows locked by somebody are passed over; else a lock
 * may end in an error.
 */
extern int queue_claim(const Rooms *rooms, int most, bool careful, MemoryContext mcxt, dlist_head *flights);
/* When the next delivery will be due that is not yet; DT_NOEND: none. */
extern TimestampTz queue_next_due(void);
/*
 * Write down the results of the first n flights and mark them as settled.
 * With `careful`, rows locked by somebody are left out, and their flights
 * not settled; else a lock may end in an error.
 */
extern void queue_record(dlist_head *flights, int n, bool careful);
/* Give back what an earlier courier had leased. */
extern void queue_release(void);
/* Put off what waits behind a delivery that is itself waiting for its next attempt. */
extern void queue_defer(void);

#endif
