/*
 * claim.c
 *	  Whom a pooled login speaks for: signed claims.
 */
#include "postgres.h"

#include "common/hmac.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "base/claim.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/names.h"

#define SIGNATURE_LEN (2 * PG_SHA256_DIGEST_LENGTH) /* hexadecimal */
#define MAX_NAME	  100							/* bytes */

triage_noreturn static void
no_good(const char *why)
{
	/* one hint for all: which part was wrong is nobody's business who does not hold the secret */
	ereport(ERROR, (errcode(TRIAGE_ERRCODE_RIGHTS), errmsg("the claim in triage.actor is not good"),
					errdetail("%s", why),
					errhint("Set it to 'name;expires;signature' as sql/README.md describes, or reset it.")));
}

static bool
may_claim(Oid role)
{
	char	 *name = GetUserNameFromId(role, false);
	List	 *roles = NIL;
	bool	  found = false;
	ListCell *lc;

	if (triage_claim_roles == NULL || triage_claim_roles[0] == '\0')
		return false;
	if (SplitIdentifierString(pstrdup(triage_claim_roles), ',', &roles))
		foreach(lc, roles)
			found |= strcmp((const char *) lfirst(lc), name) == 0;
	list_free(roles);
	return found;
}

/* hex(HMAC-SHA256(secret, signed_part)), in static memory */
static const char *
sign(const char *signed_part, size_t len)
{
	static char	 hex[SIGNATURE_LEN + 1];
	uint8		 digest[PG_SHA256_DIGEST_LENGTH];
	pg_hmac_ctx *ctx = pg_hmac_create(PG_SHA256);

	if (ctx == NULL ||
		pg_hmac_init(ctx, (const uint8 *) triage_claim_secret, strlen(triage_claim_secret)) < 0 ||
		pg_hmac_update(ctx, (const uint8 *) signed_part, len) < 0 ||
		pg_hmac_final(ctx, digest, sizeof(digest)) < 0)
	{
		pg_hmac_free(ctx);
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute a signature")));
	}
	pg_hmac_free(ctx);
	hex_encode((const char *) digest, sizeof(digest), hex);
	hex[SIGNATURE_LEN] = '\0';
	return hex;
}

/* in a time that does not depend on where they differ */
static bool
same_signature(const char *a, const char *b)
{
	unsigned char differ = 0;

	if (strlen(a) != SIGNATURE_LEN)
		return false;
	for (int i = 0; i < SIGNATURE_LEN; i++)
		differ |= (unsigned char) a[i] ^ (unsigned char) b[i];
	return differ == 0;
}

const char *
triage_claimed_name(Oid role)
{
	/* the claim last found good, so that a query's many looks cost one signature */
	static char good[MAX_NAME + SIGNATURE_LEN + 32];
	static char name[MAX_NAME + 1];
	static Oid	good_role = InvalidOid;
	static long good_until = 0;
	const char *claim = triage_actor_claim;
	const char *expires;
	const char *signature;
	long		now = (long) (timestamptz_to_time_t(GetCurrentTimestamp()));

	if (claim == NULL || claim[0] == '\0')
		return NULL;
	if (role == good_role && now < good_until && strcmp(claim, good) == 0)
		return name;
	good_role = InvalidOid;
	if (!may_claim(role))
		no_good("This role is not listed in triage.claim_roles.");
	if (triage_claim_secret == NULL || strlen(triage_claim_secret) < 32)
		no_good("triage.claim_secret has fewer than 32 bytes.");
	expires = strchr(claim, ';');
	signature = expires ? strchr(expires + 1, ';') : NULL;
	if (signature == NULL || expires == claim || expires - claim > MAX_NAME || strlen(claim) >= sizeof(good))
		no_good("It does not have three parts, or its name is too long.");
	if (!same_signature(signature + 1, sign(claim, signature - claim)))
		no_good("The signature does not belong to it.");
	good_until = strtol(expires + 1, NULL, 10);
	if (now >= good_until)
		no_good("Its time is over.");
	strlcpy(name, claim, expires - claim + 1);
	strlcpy(good, claim, sizeof(good));
	good_role = role;
	return name;
}
