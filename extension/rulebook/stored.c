/*
 * stored.c
 *	  Models as they are kept in triage.model_versions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "base/names.h"
#include "base/spi.h"
#include "rulebook/stored.h"

PG_FUNCTION_INFO_V1(triage_check_model);

/* Bytes of a value in memory that is aligned for a Model, in the current context. */
static char *
aligned_copy(const bytea *value, size_t *len)
{
	char *copy;

	*len = VARSIZE_ANY_EXHDR(value);
	copy = MemoryContextAllocHuge(CurrentMemoryContext, Max(*len, 1));
	memcpy(copy, VARDATA_ANY(value), *len);
	return copy;
}

/* Fetch the value; NULL = there is no such row.  In the current context. */
static char *
fetch_value(const char *name, int *version, size_t *len)
{
	static KeptPlan read = {
		.sql =
			"SELECT v.version, v.value FROM triage.model_versions v LEFT JOIN triage.model_in_use u"
			" ON u.model = v.model AND u.version = v.version"
			" WHERE v.model = $1 AND $2 IN (0, v.version) ORDER BY u.version IS NULL, v.version DESC LIMIT 1",
		.nargs = 2,
		.types = {TEXTOID, INT4OID}};
	MemoryContext mcxt = CurrentMemoryContext;
	Datum		  values[2] = {CStringGetTextDatum(name), Int32GetDatum(*version)};
	char		 *bytes = NULL;
	OwnerSwitch	  sw;
	bool		  isnull;

	/* the newest snapshot, as the rules are read: they may name a model that an older one does not see */
	PushActiveSnapshot(GetLatestSnapshot());
	triage_owner_begin(&sw);
	if (triage_peek(&read, values, NULL) > 0)
	{
		bytea		 *value = DatumGetByteaPP(triage_result(0, 2, &isnull));
		MemoryContext old = MemoryContextSwitchTo(mcxt);

		*version = DatumGetInt32(triage_result(0, 1, &isnull));
		bytes = aligned_copy(value, len);
		MemoryContextSwitchTo(old);
	}
	triage_owner_end(&sw);
	PopActiveSnapshot();
	return bytes;
}

StoredModel *
stored_model_try(const char *name, int version, const char **wrong)
{
	StoredModel *m = palloc0(sizeof(StoredModel));
	size_t		 len;
	char		*bytes;

	m->name = pstrdup(name);
	m->version = version;
	bytes = fetch_value(name, &m->version, &len);
	*wrong = bytes == NULL ? "is gone" : model_open(bytes, len, &m->model);
	if (*wrong != NULL)
		return NULL;
	len = model_scratch_size(&m->model);
	m->scratch =
		model_scratch_init(&m->model, memset(MemoryContextAllocHuge(CurrentMemoryContext, len), 0, len));
	return m;
}

StoredModel *
stored_model_read(const char *name, int version)
{
	const char	*wrong;
	StoredModel *m = stored_model_try(name, version, &wrong);

	if (m != NULL)
		return m;
	if (strcmp(wrong, "is gone") == 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN), errmsg("there is no model \"%s\"", name),
						errdetail("Models are made by triage.train()."),
						errhint("The view triage.models lists what there is.")));
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED), errmsg("the value of model \"%s\" %s", name, wrong),
			 errdetail("The stored value is refused; nothing is decided by it."),
			 errhint("Use another version with triage.use_model(), or train again with triage.train().")));
}

/* check_model(value bytea) returns text: what is wrong with a stored value, NULL = nothing */
Datum
triage_check_model(PG_FUNCTION_ARGS)
{
	size_t		len;
	char	   *bytes = aligned_copy(PG_GETARG_BYTEA_PP(0), &len);
	Model		m;
	const char *wrong = model_open(bytes, len, &m);

	pfree(bytes);
	if (wrong == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("the model %s", wrong)));
}
