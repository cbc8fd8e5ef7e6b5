-- Statements that change rows though their first word does not say so.

=== rows changed by ANALYZE, which runs its statement
-- only: mariadb
--- setup
CREATE TABLE t (id INT, n INT);
INSERT INTO t VALUES (1, 1);
--- migration
ANALYZE UPDATE t SET n = n + 1;
ANALYZE FORMAT=JSON INSERT INTO t VALUES (2, 2);
ANALYZE DELETE FROM t WHERE n = 1;
