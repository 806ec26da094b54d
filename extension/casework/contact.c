/*
 * contact.c
 *	  Keyed digests of contacts.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "common/hmac.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/catalog.h"
#include "base/spi.h"
#include "casework/contact.h"
#include "rulebook/book.h"
#include "text/contact.h"

PG_FUNCTION_INFO_V1(triage_contact_key);

#define SECRET_LEN 32
/* longer contacts are known by their beginning */
#define MAX_READ 512

/* The key, kept for the session once it is committed; of another database's life when the table is another. */
static unsigned char secret[SECRET_LEN];
static Oid			 secret_of = InvalidOid;

/* One that the transaction made itself, good for the subtransaction that read it: a bulk load asks for every row. */
static unsigned char	own_secret[SECRET_LEN];
static TransactionId	own_xid = InvalidTransactionId;
static SubTransactionId own_subid = InvalidSubTransactionId;

/* The one row of the key, not by a query: planning it would be a tenth of a session's first case. */
static bool
fetch_row(unsigned char *out, bool *own)
{
	Relation		rel = table_open(triage_relid("contact_secret"), AccessShareLock);
	AttrNumber		key = triage_attnum(rel, "key");
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Snapshot		snapshot = RegisterSnapshot(GetLatestSnapshot());
	TableScanDesc	scan = table_beginscan(rel, snapshot, 0, NULL);
	bool			found = table_scan_getnextslot(scan, ForwardScanDirection, slot);

	if (found)
	{
		bool   isnull;
		bytea *value = DatumGetByteaPP(slot_getattr(slot, key, &isnull));
		Datum  xmin = slot_getsysattr(slot, MinTransactionIdAttributeNumber, &isnull);

		if (VARSIZE_ANY_EXHDR(value) != SECRET_LEN)
			elog(ERROR, "triage.contact_secret holds no key");
		memcpy(out, VARDATA_ANY(value), SECRET_LEN);
		*own = TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
	}
	table_endscan(scan);
	UnregisterSnapshot(snapshot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, AccessShareLock);
	return found;
}

/* Read the key; false when there is none. */
static bool
read_secret(unsigned char *out)
{
	bool own;

	if (!fetch_row(out, &own))
		return false;
	/* one that this transaction made may yet be taken back */
	if (!own)
	{
		memcpy(secret, out, SECRET_LEN);
		secret_of = triage_relid("contact_secret");
	}
	else
	{
		memcpy(own_secret, out, SECRET_LEN);
		own_xid = GetTopTransactionIdIfAny();
		own_subid = GetCurrentSubTransactionId();
	}
	return true;
}

/* Of two sessions that make it at once, one waits and takes the other's. */
static void
make_secret(unsigned char *out)
{
	static KeptPlan plan = {.sql =
								"INSERT INTO triage.contact_secret (key) VALUES ($1) ON CONFLICT DO NOTHING",
							.nargs = 1,
							.types = {BYTEAOID}};
	bytea		   *value = palloc(VARHDRSZ + SECRET_LEN);
	Datum			args[1] = {PointerGetDatum(value)};

	SET_VARSIZE(value, VARHDRSZ + SECRET_LEN);
	if (!pg_strong_random(VARDATA(value), SECRET_LEN))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random key")));
	triage_run(&plan, args, NULL, SPI_OK_INSERT);
	CommandCounterIncrement();
	if (!read_secret(out))
		ereport(ERROR, (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
						errmsg("the key of contact digests was made at the same time"),
						errhint("Try the transaction again.")));
}

static bool
get_secret(bool make, unsigned char *out)
{
	OwnerSwitch sw;
	bool		have;

	if (OidIsValid(secret_of) && secret_of == triage_relid("contact_secret"))
	{
		memcpy(out, secret, SECRET_LEN);
		return true;
	}
	if (TransactionIdIsValid(own_xid) && own_xid == GetTopTransactionIdIfAny() &&
		own_subid == GetCurrentSubTransactionId())
	{
		memcpy(out, own_secret, SECRET_LEN);
		return true;
	}
	triage_owner_begin(&sw);
	have = read_secret(out);
	if (!have && make)
	{
		make_secret(out);
		have = true;
	}
	triage_owner_end(&sw);
	return have;
}

static bool
digest_of(const char *form, size_t len, bool make, unsigned char *key)
{
	unsigned char the_secret[SECRET_LEN];
	unsigned char whole[32];
	pg_hmac_ctx	 *ctx;

	if (!get_secret(make, the_secret))
		return false;
	ctx = pg_hmac_create(PG_SHA256);
	if (pg_hmac_init(ctx, the_secret, SECRET_LEN) < 0 || pg_hmac_update(ctx, (const uint8 *) form, len) < 0 ||
		pg_hmac_final(ctx, whole, sizeof(whole)) < 0)
		elog(ERROR, "could not compute the digest of a contact");
	pg_hmac_free(ctx);
	memcpy(key, whole, CONTACT_KEY_LEN);
	return true;
}

bool
contact_key(const char *contact, bool make, unsigned char *key)
{
	char   form[MAX_CONTACT];
	size_t len;
	char  *folded;

	if (contact == NULL)
		return false;
	folded = book_fold(contact, pg_mbcliplen(contact, strlen(contact), MAX_READ), &len);
	if (folded == NULL)
		return false;
	len = contact_form(folded, len, form);
	pfree(folded);
	return len > 0 && digest_of(form, len, make, key);
}

bool
sender_key(const char *channel, const char *sender, bool make, unsigned char *key)
{
	char *form;

	if (sender == NULL)
		return false;
	form = psprintf("s%s\n%s", channel, sender);
	return digest_of(form, strlen(form), make, key);
}

void
row_contact_key(Row *row, const char *contact, const char *channel, const char *device)
{
	unsigned char key[CONTACT_KEY_LEN];

	if (contact == NULL && device == NULL)
		return;
	if (contact != NULL ? contact_key(contact, true, key) : sender_key(channel, device, true, key))
		row_bytes(row, SRC_CONTACT_KEY, key, CONTACT_KEY_LEN);
}

/* contact_key(contact): NULL when nobody can be known by it */
Datum
triage_contact_key(PG_FUNCTION_ARGS)
{
	unsigned char key[CONTACT_KEY_LEN];
	bytea		 *result;

	if (!contact_key(text_to_cstring(PG_GETARG_TEXT_PP(0)), false, key))
		PG_RETURN_NULL();
	result = palloc(VARHDRSZ + CONTACT_KEY_LEN);
	SET_VARSIZE(result, VARHDRSZ + CONTACT_KEY_LEN);
	memcpy(VARDATA(result), key, CONTACT_KEY_LEN);
	PG_RETURN_BYTEA_P(result);
}
