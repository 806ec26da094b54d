/*
 * net.c
 *	  Makes a loadable module of the HTTP code.
 *
 * This file alone meets both worlds: the server's headers for the magic block,
 * and net.h.  http.c, url.c and sign.c compile without the server.
 */
#include "postgres.h"

#include "fmgr.h"

#include "net/net.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT const NetApi *triage_net_api(void);

/* Found by load_external_function() under NET_API_SYMBOL. */
const NetApi *
triage_net_api(void)
{
	return &net_http_api;
}
