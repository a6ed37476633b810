-- Services with a span in a range of time, by name, for a search that names none.
-- in:     since (inclusive), until (exclusive) timestamptz; max_services integer
-- out:    service_name text
-- index:  span_service_start_idx, one probe a service and partition (a loose index scan: PostgreSQL plans none itself)
-- budget: 10 ms for 50 services in 30 partitions
WITH RECURSIVE service AS (
    (SELECT service_name
       FROM seamwatch.span
      WHERE start_time >= %(since)s
        AND start_time < %(until)s
      ORDER BY service_name
      LIMIT 1)
     UNION ALL
    SELECT (SELECT span.service_name
              FROM seamwatch.span
             WHERE span.service_name > service.service_name
               AND span.start_time >= %(since)s
               AND span.start_time < %(until)s
             ORDER BY span.service_name
             LIMIT 1)
      FROM service
     WHERE service.service_name IS NOT NULL
)
SELECT service_name
  FROM service
 WHERE service_name IS NOT NULL
 LIMIT %(max_services)s;
