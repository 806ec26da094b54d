/*
 * stored.c
 *	  Models as they are kept in triage.model_versions.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/names.h"
#include "base/spi.h"
#include "rulebook/stored.h"

PG_FUNCTION_INFO_V1(triage_check_model);

void
stored_model_refuse(const char *name, int version, const char *wrong)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED), errmsg("model \"%s\" version %d %s", name, version, wrong),
			 errdetail("The stored value is refused; nothing is decided by it."),
			 errhint("Use another version with triage.use_model(), or train again with triage.train().")));
}

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

StoredModel *
stored_model_read(const char *name, int version)
{
	static KeptPlan read = {
		.sql =
			"SELECT v.version, v.value FROM triage.model_versions v LEFT JOIN triage.model_in_use u"
			" ON u.model = v.model AND u.version = v.version"
			" WHERE v.model = $1 AND $2 IN (0, v.version) ORDER BY u.version IS NULL, v.version DESC LIMIT 1",
		.nargs = 2,
		.types = {TEXTOID, INT4OID}};
	MemoryContext mcxt = CurrentMemoryContext;
	MemoryContext old;
	Datum		  values[2] = {CStringGetTextDatum(name), Int32GetDatum(version)};
	StoredModel	 *m = palloc0(sizeof(StoredModel));
	OwnerSwitch	  sw;
	bool		  isnull;
	size_t		  len;
	char		 *bytes;
	const char	 *wrong;

	m->name = pstrdup(name);
	triage_owner_begin(&sw);
	if (triage_read(&read, values, NULL) == 0)
		ereport(ERROR, (errcode(TRIAGE_ERRCODE_UNKNOWN),
						version > 0 ? errmsg("model \"%s\" has no version %d", name, version)
									: errmsg("there is no model \"%s\"", name),
						errdetail("Models are made by triage.train()."),
						errhint("The view triage.models lists what there is.")));
	m->version = DatumGetInt32(triage_result(0, 1, &isnull));
	old = MemoryContextSwitchTo(mcxt);
	bytes = aligned_copy(DatumGetByteaPP(triage_result(0, 2, &isnull)), &len);
	MemoryContextSwitchTo(old);
	triage_owner_end(&sw);
	wrong = model_open(bytes, len, &m->model);
	if (wrong != NULL)
		stored_model_refuse(name, m->version, wrong);
	len = model_scratch_size(&m->model);
	m->scratch = model_scratch_init(&m->model, memset(MemoryContextAllocHuge(mcxt, len), 0, len));
	return m;
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
