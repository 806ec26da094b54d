/*
 * guc.c
 *	  Definition of all settings.
 */
#include "postgres.h"

#include <limits.h>

#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/guc.h"

bool   triage_workers = true;
char  *triage_databases = NULL;
double triage_min_confidence = 0.5;
double triage_police_share = 0.3;
double triage_model_confidence = 0.3;
double triage_model_police = 0.3;
int	   triage_train_memory = 1024;
int	   triage_max_ahead = 600;
int	   triage_max_back = 86400;
int	   triage_max_sources = 1000;
int	   triage_host_timeout = 2000;
char  *triage_now = NULL;
char  *triage_now_since = NULL;
double triage_time_scale = 1.0;
char  *triage_request_id = NULL;
char  *triage_happened_at = NULL;
char  *triage_actor_claim = NULL;
char  *triage_claim_roles = NULL;
char  *triage_claim_secret = NULL;
char  *triage_allowed_networks = NULL;
int	   triage_courier_connections = 64;
int	   triage_courier_per_host = 64;
int	   triage_courier_batch = 2000;
int	   triage_connect_timeout = 3000;
int	   triage_max_response = 64;
int	   triage_retry_cap = 3600000;

static void
define_string(const char *name, const char *what, const char *more, char **var, const char *boot,
			  GucContext context)
{
	DefineCustomStringVariable(name, what, more, var, boot, context, 0, NULL, NULL, NULL);
}

static void
define_int(const char *name, const char *what, int *var, int boot, int min, int max, GucContext context,
		   int flags)
{
	DefineCustomIntVariable(name, what, NULL, var, boot, min, max, context, flags, NULL, NULL, NULL);
}

static void
define_clock_settings(void)
{
	define_string("triage.now", "Time that triage.clock() shows instead of the real one.",
				  "For tests and demonstrations. Empty = the real clock.", &triage_now, "", PGC_SUSET);
	define_string("triage.now_since",
				  "Real time at which triage.now was right; the moved clock runs on from there.",
				  "Empty = the moved clock stands still.", &triage_now_since, "", PGC_SUSET);
	DefineCustomRealVariable("triage.time_scale",
							 "How many seconds of the moved clock pass in a real second.", NULL,
							 &triage_time_scale, 1.0, 0.001, 1000000.0, PGC_SUSET, 0, NULL, NULL, NULL);
}

static void
define_claim_settings(void)
{
	define_string("triage.actor", "Whom a pooled login speaks for: 'name;expires;signature'.",
				  "expires in seconds since 1970; signature = hex of HMAC-SHA256 over 'name;expires' with "
				  "triage.claim_secret. Empty = the role itself acts.",
				  &triage_actor_claim, "", PGC_USERSET);
	define_string("triage.claim_roles", "Roles that may speak for others by triage.actor.",
				  "A list separated by commas.", &triage_claim_roles, "", PGC_SIGHUP);
	DefineCustomStringVariable("triage.claim_secret", "Key of the signatures in triage.actor.",
							   "At least 32 bytes.", &triage_claim_secret, "", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY | GUC_NO_SHOW_ALL | GUC_NOT_IN_SAMPLE, NULL, NULL, NULL);
}

static void
define_courier_settings(void)
{
	define_string("triage.allowed_networks",
				  "Networks that deliveries may go to, for example 10.0.0.0/8,192.168.1.0/24.",
				  "Empty = nothing is sent. The address that a name resolves to is what counts.",
				  &triage_allowed_networks, "", PGC_SIGHUP);
	define_int("triage.courier_connections", "Connections the courier holds at most.",
			   &triage_courier_connections, 64, 1, 1000, PGC_SIGHUP, 0);
	define_int("triage.courier_per_host", "Connections to one host at most.", &triage_courier_per_host, 64, 1,
			   1000, PGC_SIGHUP, 0);
	define_int("triage.courier_batch", "Deliveries claimed in one transaction at most.",
			   &triage_courier_batch, 2000, 1, 100000, PGC_SIGHUP, 0);
	define_int("triage.connect_timeout", "Longest wait for a connection to an endpoint.",
			   &triage_connect_timeout, 3000, 10, 600000, PGC_SIGHUP, GUC_UNIT_MS);
	define_int("triage.max_response", "Longest answer of an endpoint that is read.", &triage_max_response, 64,
			   1, 10240, PGC_SIGHUP, GUC_UNIT_KB);
	define_int("triage.retry_cap", "Longest wait between two attempts of a delivery.", &triage_retry_cap,
			   3600000, 10, INT_MAX, PGC_SIGHUP, GUC_UNIT_MS);
}

void
triage_guc_init(void)
{
	DefineCustomBoolVariable("triage.workers", "Run the timekeeper and the courier.",
							 "Switch off before starting a copy of a live system.", &triage_workers, true,
							 PGC_SIGHUP, 0, NULL, NULL, NULL);
	define_string("triage.databases", "Databases in which the launcher looks for the extension.",
				  "A list separated by commas, or * for all.", &triage_databases, "*", PGC_SIGHUP);
	DefineCustomRealVariable("triage.min_confidence",
							 "Below this confidence a person decides where a case goes.", NULL,
							 &triage_min_confidence, 0.5, 0.0, 1.0, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"triage.police_share",
		"Share of police words above which a person looks at what would go to a department.",
		"Score of the likeliest police matter against it and the winner together; lower "
		"misses fewer police matters and leaves more to people, 1 = never.",
		&triage_police_share, 0.3, 0.0, 1.0, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"triage.model_confidence",
		"Below this probability a person decides where a case goes, where a model takes part.",
		"The mean of what the model says and the share of the terms: with no term found, a "
		"model that is sure to 0.6 has 0.3.",
		&triage_model_confidence, 0.3, 0.0, 1.0, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable(
		"triage.model_police",
		"Probability of police matters above which a person looks at what would go to a department.",
		"Where a model takes part: of all police and joint types together; lower misses fewer police matters "
		"and leaves more to people, 1 = never.",
		&triage_model_police, 0.3, 0.0, 1.0, PGC_SUSET, 0, NULL, NULL, NULL);
	define_int("triage.train_memory", "Memory that training a classifier may take.", &triage_train_memory,
			   1024, 64, 1024 * 1024, PGC_SUSET, GUC_UNIT_MB);
	define_int("triage.max_ahead", "How far ahead of the clock a report's time may be.", &triage_max_ahead,
			   600, 0, 86400 * 7, PGC_SUSET, GUC_UNIT_S);
	define_int("triage.max_back", "How far back triage.happened_at may reach.", &triage_max_back, 86400, 0,
			   86400 * 365, PGC_SUSET, GUC_UNIT_S);
	define_int("triage.max_sources", "Reports that one case takes, its first one included.",
			   &triage_max_sources, 1000, 1, 1000000, PGC_SUSET, 0);
	define_int("triage.host_timeout",
			   "How long an attached table's trigger may take before the ticket is queued.",
			   &triage_host_timeout, 2000, 0, 3600000, PGC_SUSET, GUC_UNIT_MS);
	define_string("triage.request_id",
				  "Identifies a front end's request, so that sending it again changes nothing.", NULL,
				  &triage_request_id, "", PGC_USERSET);
	define_string("triage.happened_at", "Time at which the thing reported by a verb happened in the field.",
				  "Empty = now.", &triage_happened_at, "", PGC_USERSET);
	define_clock_settings();
	define_claim_settings();
	define_courier_settings();
	MarkGUCPrefixReserved("triage");
}
