use super::*;
use crate::sql::classify;

fn outside_access(migration: &[&str]) -> Option<OutsideAccess> {
    let mut reader = AccessReader::new(migration.iter().any(|one| AccessReader::prepares(one)));
    migration.iter().find_map(|one| {
        let found = classify(one);
        match changes_no_schema(&found) {
            true => None,
            false => reader.outside_access(one, &found, "shop"),
        }
    })
}

#[test]
fn what_stays_in_its_database_is_told_from_what_does_not() {
    let guard = "SET @p = (SELECT IF((SELECT COUNT(*) FROM INFORMATION_SCHEMA.COLUMNS WHERE (table_name = 'u') \
                 AND (table_schema = @d) AND (column_name = 'c')) > 0, 'SELECT 1', 'ALTER TABLE u ADD c INT'))";
    let confined: &[&[&str]] = &[
        &["CREATE TABLE a (id INT)"],
        &["SELECT workshop.id FROM workshop"],
        &[
            "SELECT 'x' FROM shop",
            "SELECT shop.id FROM shop",
            "SELECT shop.id FROM stores AS shop",
        ],
        &[
            "ALTER DATABASE CHARACTER SET utf8mb4",
            "ALTER SCHEMA DEFAULT COLLATE utf8mb4_bin",
        ],
        &[
            "OPTIMIZE TABLE a",
            "ANALYZE TABLE a",
            "CHECK TABLE a",
            "REPAIR TABLE a",
            "FLUSH TABLES",
        ],
        &[
            "GRANT SELECT ON shop.* TO x",
            "CREATE USER x",
            "FLUSH PRIVILEGES",
            "SET PASSWORD = 'x'",
        ],
        &[
            "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND (a = 1 OR b = 2)",
        ],
        &["SELECT 1 FROM `INFORMATION_SCHEMA`.`TABLES` t WHERE DATABASE() = t.table_schema"],
        &["SELECT 1 FROM information_schema.tables WHERE TABLE_SCHEMA IN (SCHEMA())"],
        &["SELECT 1 FROM information_schema.engines"],
        &["SET @d = DATABASE()", guard, "PREPARE s FROM @p", "EXECUTE s"],
        &["SELECT DATABASE() INTO @x", "SET @y := SCHEMA(), @z = 1"],
        &[
            "SELECT 1 FROM information_schema.table_constraints c JOIN information_schema.key_column_usage u \
             ON c.table_schema = u.table_schema WHERE c.table_schema = DATABASE()",
        ],
        &["SHOW TABLES FROM information_schema"],
        &["INSERT INTO settings VALUES ('shop', 'see shop.example.com')"],
        &[
            "CREATE PROCEDURE p() IF NOT EXISTS (SELECT 1 FROM information_schema.tables \
           WHERE table_schema = DATABASE()) THEN ALTER TABLE a ADD b INT; END IF",
        ],
    ];
    for migration in confined {
        assert_eq!(outside_access(migration), None, "{migration:?}");
    }
    let catalogue: &[&[&str]] = &[
        &["SELECT COUNT(*) FROM information_schema.tables WHERE table_name = 'a'"],
        &["SELECT 1 FROM information_schema.tables WHERE table_schema = 'shop'"],
        &["SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() OR 1"],
        &["SELECT 1 FROM information_schema.tables WHERE (table_schema = DATABASE()) OR table_name = 'a'"],
        &["SELECT 1 FROM information_schema.tables WHERE NOT table_schema = DATABASE()"],
        &["SELECT 1 FROM information_schema.tables WHERE NOT (table_schema = DATABASE())"],
        &["SELECT 1 FROM information_schema.tables WHERE table_schema <> DATABASE()"],
        &["SELECT table_schema = DATABASE() OR 1 FROM information_schema.tables"],
        &["SELECT SUM(table_schema = DATABASE()) FROM information_schema.tables"],
        &[guard, "PREPARE s FROM @p"],
        &[
            "SET @s = 'SELECT 1 FROM information_schema.tables'",
            "PREPARE s FROM @s",
        ],
        &["SELECT 1 FROM mysql.user"],
        &["SELECT 1 FROM performance_schema.threads WHERE processlist_db = DATABASE()"],
        &["SELECT sys.version_major()"],
        &["/*!50000 SELECT 1 FROM information_schema . tables */"],
        &[
            "CREATE TABLE a SELECT t.table_name FROM information_schema.tables t, information_schema.columns c \
           WHERE t.table_schema = DATABASE()",
        ],
    ];
    for migration in catalogue {
        assert_eq!(
            outside_access(migration),
            Some(OutsideAccess::Catalogue),
            "{migration:?}"
        );
    }
    let database: &[&[&str]] = &[
        &["DROP TABLE `Shop`.users"],
        &["INSERT INTO shop.users VALUES (1)"],
        &["INSERT INTO a SELECT x FROM shop . users"],
        &["UPDATE a SET b = (SELECT shop.users.id FROM a)"],
        &["CREATE VIEW v AS SELECT shop.f(1)"],
        &["CALL shop.p()"],
        &["RENAME TABLE a TO shop.b"],
        &["CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW DELETE FROM shop.b"],
        &[
            "SET @s = CONCAT('DROP TABLE ', 'shop', '.users')",
            "PREPARE s FROM @s",
        ],
        &["SET @s = 'DROP TABLE shop.users'", "PREPARE s FROM @s"],
        &["EXECUTE IMMEDIATE 'DROP TABLE shop.users'"],
    ];
    for migration in database {
        assert_eq!(
            outside_access(migration),
            Some(OutsideAccess::Database),
            "{migration:?}"
        );
    }
    let server: &[&[&str]] = &[
        &["USE shop"],
        &["CREATE DATABASE other"],
        &["DROP SCHEMA other"],
        &["ALTER DATABASE shop CHARACTER SET utf8mb4"],
        &["ALTER DATABASE charset CHARACTER SET utf8mb4"],
        &["SET GLOBAL event_scheduler = 1"],
        &["SET @@GLOBAL.event_scheduler = 1"],
        &["INSTALL SONAME 'x'"],
    ];
    for migration in server {
        assert_eq!(
            outside_access(migration),
            Some(OutsideAccess::Server),
            "{migration:?}"
        );
    }
}
