-- Who holds the advisory lock of migrations.
-- in:     key bigint, below 2^32
-- out:    pid integer, login name
-- index:  none; looks at the locks of the server
-- budget: 5 ms
SELECT a.pid, a.usename
  FROM pg_locks l
  JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE l.locktype = 'advisory'
   AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
   AND (l.classid, l.objid, l.objsubid) = (0, %(key)s, 1)
   AND l.granted;
