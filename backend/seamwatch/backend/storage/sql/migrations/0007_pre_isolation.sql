-- Row level security on every tenant relation, and the grants of each role.
SET LOCAL search_path = seamwatch, pg_temp;

SELECT seamwatch.isolate(relation)
  FROM unnest(ARRAY[
    'seamwatch.resource', 'seamwatch.scope', 'seamwatch.batch_digest',
    'seamwatch.span', 'seamwatch.span_out_of_range',
    'seamwatch.log_record', 'seamwatch.log_record_out_of_range',
    'seamwatch.metric_point', 'seamwatch.metric_point_out_of_range',
    'seamwatch.span_rollup_part', 'seamwatch.span_rollup_minute', 'seamwatch.span_rollup_hour',
    'seamwatch.error_rollup_part', 'seamwatch.error_rollup_minute', 'seamwatch.metric_rollup_minute',
    'seamwatch.verdict', 'seamwatch.audit_entry',
    'seamwatch.tenant', 'seamwatch.tenant_login',
    'seamwatch.access_token', 'seamwatch.browser_session', 'seamwatch.sign_in_link'
  ]::regclass[]) AS relation;

-- Sign-in looks credentials up before a tenant is known: one role, these four relations.
CREATE POLICY sign_in ON seamwatch.tenant TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.access_token TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.browser_session TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.sign_in_link TO seamwatch_auth USING (true) WITH CHECK (true);
CREATE POLICY sign_in ON seamwatch.audit_entry TO seamwatch_auth USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA seamwatch TO seamwatch_writer, seamwatch_app, seamwatch_analysis, seamwatch_reader, seamwatch_auth;

GRANT SELECT, INSERT ON
    seamwatch.batch_digest, seamwatch.span, seamwatch.span_out_of_range,
    seamwatch.log_record, seamwatch.log_record_out_of_range,
    seamwatch.metric_point, seamwatch.metric_point_out_of_range,
    seamwatch.span_rollup_part, seamwatch.error_rollup_part, seamwatch.audit_entry
    TO seamwatch_writer;
GRANT SELECT, INSERT, UPDATE ON seamwatch.resource, seamwatch.scope TO seamwatch_writer;
GRANT SELECT ON seamwatch.tenant TO seamwatch_writer;

GRANT SELECT ON
    seamwatch.resource, seamwatch.scope, seamwatch.span, seamwatch.span_out_of_range,
    seamwatch.log_record, seamwatch.log_record_out_of_range,
    seamwatch.metric_point, seamwatch.metric_point_out_of_range,
    seamwatch.span_rollup_part, seamwatch.span_rollup_minute, seamwatch.span_rollup_hour, seamwatch.span_rollup,
    seamwatch.error_rollup_part, seamwatch.error_rollup_minute, seamwatch.error_rollup,
    seamwatch.metric_rollup_minute, seamwatch.verdict
    TO seamwatch_app, seamwatch_reader;
GRANT SELECT ON seamwatch.audit_entry, seamwatch.tenant TO seamwatch_app;
GRANT SELECT ON seamwatch.analysis_loop TO seamwatch_app, seamwatch_writer;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    seamwatch.resource, seamwatch.scope, seamwatch.span_out_of_range, seamwatch.log_record_out_of_range,
    seamwatch.metric_point_out_of_range, seamwatch.span_rollup_part, seamwatch.span_rollup_minute,
    seamwatch.span_rollup_hour, seamwatch.error_rollup_part, seamwatch.error_rollup_minute,
    seamwatch.metric_rollup_minute, seamwatch.verdict, seamwatch.analysis_loop
    TO seamwatch_analysis;
GRANT SELECT ON
    seamwatch.span, seamwatch.log_record, seamwatch.metric_point, seamwatch.tenant, seamwatch.span_rollup,
    seamwatch.error_rollup
    TO seamwatch_analysis;
GRANT DELETE ON seamwatch.browser_session, seamwatch.sign_in_link TO seamwatch_analysis;
GRANT SELECT ON seamwatch.browser_session, seamwatch.sign_in_link TO seamwatch_analysis;
GRANT INSERT ON seamwatch.audit_entry TO seamwatch_analysis;

GRANT SELECT, INSERT ON seamwatch.tenant TO seamwatch_auth;
GRANT SELECT, INSERT, UPDATE ON seamwatch.access_token TO seamwatch_auth;
GRANT SELECT, INSERT, UPDATE, DELETE ON seamwatch.browser_session, seamwatch.sign_in_link TO seamwatch_auth;
GRANT SELECT, INSERT ON seamwatch.audit_entry TO seamwatch_auth;

INSERT INTO seamwatch.tenant (name) VALUES ('default');
