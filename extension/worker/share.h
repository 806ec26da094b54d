/*
 * share.h
 *	  How the courier's connections are shared among endpoints.
 */
#ifndef TRIAGE_WORKER_SHARE_H
#define TRIAGE_WORKER_SHARE_H

#include "postgres.h"

#include "utils/timestamp.h"

/* endpoints with longer codes are not served */
#define RECEIVER_CODE_LEN 256
#define RECEIVER_SECRETS  3
#define SECRET_LEN		  64

/* An endpoint as the courier knows it: its row, and how it has been answering. */
typedef struct Receiver
{
	char		  code[RECEIVER_CODE_LEN]; /* key */
	char		 *url;					   /* NULL = its row was never read */
	int			  timeout_ms;
	int			  max_attempts;
	int			  retry_base_ms;
	int			  nsecrets; /* newest first */
	int			  secret_len[RECEIVER_SECRETS];
	unsigned char secret[RECEIVER_SECRETS][SECRET_LEN];
	char		  auth[16]; /* "" = they sign; else the newest is shown as this scheme says */

	bool   listed;	  /* while a claim is read: seen in it */
	int	   in_flight; /* given to the HTTP module and not recorded yet */
	int	   window;	  /* connections it may hold at most; grows with answers, shrinks with silence */
	double rate;	  /* answers a second, smoothed */
	int	   answered;  /* since the rate was last smoothed */
} Receiver;

extern void share_init(int connections, int per_host);
/* Finds or makes. */
extern Receiver *share_receiver(const char *code);
extern void		 share_answer(Receiver *r, bool spoke);
/* Connections that one host may hold at most, so that one slow host leaves some to others. */
extern int share_per_host(void);

/* How many more deliveries an endpoint may be given now: listed ones, and any other. */
typedef struct Rooms
{
	int			 n;
	const char **codes;
	int			*rooms;
	int			 others;
} Rooms;

/* palloc'd in the current context; no room exceeds `most` */
extern void share_rooms(Rooms *rooms, int most);

#endif
