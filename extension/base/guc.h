/*
 * guc.h
 *	  Settings.  One comment per setting says what the administrator decides.
 */
#ifndef TRIAGE_BASE_GUC_H
#define TRIAGE_BASE_GUC_H

/* may background workers run at all? */
extern bool triage_workers;
/* which databases the launcher visits: "*" or a comma-separated list */
extern char *triage_databases;

/* below this confidence a person decides (0..1) */
extern double triage_min_confidence;
/* share of police words above which a person looks at what would go to a department (0..1) */
extern double triage_police_share;
/* below this probability of the learned classifier a person decides (0..1) */
extern double triage_model_confidence;
/* probability of police matters above which a person looks at what would go to a department (0..1) */
extern double triage_model_police;
/* memory that training a classifier may take, MB */
extern int triage_train_memory;
/* how far the clock of a reporting system may be ahead, seconds */
extern int triage_max_ahead;
/* how far back a field worker may set the time a thing happened, seconds */
extern int triage_max_back;
/* reports that one case takes: each is told of the result */
extern int triage_max_sources;

/* how long the trigger on a host's table may take, milliseconds; 0 = no limit */
extern int triage_host_timeout;

/* the moved clock of tests and demonstrations; see clock.h */
extern char	 *triage_now;
extern char	 *triage_now_since;
extern double triage_time_scale;

/* set per transaction by front ends */
extern char *triage_request_id;
extern char *triage_happened_at;

/* whom a pooled login speaks for, who may, and the key of the signature; see claim.h */
extern char *triage_actor_claim;
extern char *triage_claim_roles;
extern char *triage_claim_secret;

/* the courier's limits */
extern char *triage_allowed_networks;
extern int	 triage_courier_connections;
extern int	 triage_courier_per_host;
extern int	 triage_courier_batch;
extern int	 triage_connect_timeout;
extern int	 triage_max_response;
/* longest wait between two attempts of a delivery, milliseconds */
extern int triage_retry_cap;

extern void triage_guc_init(void);

#endif
