//! Files that are easily read in another way than the client reads them.

/// A migration, and the files beside it.
pub struct Case {
    /// What is awkward about it.
    pub name: &'static str,
    /// Names and contents; the first is the migration.
    pub files: &'static [(&'static str, &'static str)],
}

macro_rules! cases {
    ($($name:literal: $text:literal $(, $file:literal: $other:literal)*;)*) => {
        &[$(Case { name: $name, files: &[("001_a.sql", $text) $(, ($file, $other))*] }),*]
    };
}

pub const CASES: &[Case] = cases! {
    "LF": "SELECT 'm4rk', 1;\nSELECT 'm4rk',\n2;\n";
    "CRLF": "SELECT 'm4rk', 1;\r\nSELECT 'm4rk',\r\n2;\r\n";
    "CRLF in a string": "SELECT 'm4rk\r\nx', 'a\n\r\nb';\r\n";
    "CR alone in a string": "SELECT 'm4rk\rx';\n";
    "CR before the end": "SELECT 'm4rk'\r;\r\n";
    "two CR before LF": "SELECT 'm4rk\r\r\nx';\n";
    "byte order mark": "\u{feff}SELECT 'm4rk';\n";
    "no delimiter at the end": "SELECT 'm4rk', 1;\nSELECT 'm4rk', 2";
    "delimiter in strings": "SELECT 'm4rk;', \"m4rk;\", 1 AS `m4rk;`;\n";
    "doubled quotes": "SELECT 'm4rk '' ; '' ', \"m4rk \"\" ; \";\n";
    "escaped quotes": "SELECT 'm4rk \\' ; ', \"m4rk \\\" ; \", 'm4rk \\\\';\nSELECT 'm4rk', 2;\n";
    "the other quotes": "SELECT 'm4rk \" ` ', \"m4rk ' ` \", 1 AS `m4rk \" ' `;\n";
    "backslash in backticks": "SELECT 1 AS `m4rk\\`;\nSELECT 'm4rk', 2;\n";
    "string over lines": "SELECT 'm4rk\n\n  -- no comment\n# none\n/* none\n';\n";
    "escaped line break": "SELECT 'm4rk\\\nx';\n";
    "backslash before a line end": "SELECT 'm4rk' \\\n, 2;\n";
    "backslash before CRLF": "SELECT 'm4rk' \\\r\n, 2;\r\n";
    "backslash N": "SELECT 'm4rk', \\N;\n";
    "unicode": "SELECT 'm4rk é漢😀', 1 AS `m4rk é`;\n";
    "several on a line": "SELECT 'm4rk', 1; SELECT 'm4rk', 2;SELECT 'm4rk', 3;\n";
    "empty statements": ";;\n ; \nSELECT 'm4rk';\n;\n";
    "dashes without space": "--m4rk is a comment\nSELECT 'm4rk';\n  --m4rk; another\nSELECT 'm4rk', 2;\n";
    "dashes inside a statement": "SELECT 'm4rk', 5--3;\nSELECT 'm4rk', 5\n--3;\n";
    "dashes after a delimiter": "SELECT 'm4rk', 1; --m4rk\nSELECT 'm4rk', 2;\n";
    "g": "SELECT 'm4rk', 1\\g\nSELECT 'm4rk', 2\\g SELECT 'm4rk', 3;\n";
    "G": "SELECT 'm4rk', 1\\G\nSELECT 'm4rk', 2;\n";
    "go": "SELECT 'm4rk', 1\ngo\nSELECT 'm4rk', 2;\n";
    "c": "SELECT 'm4rk', 1 \\c\nSELECT 'm4rk', 2;\n";
    "clear": "SELECT 'm4rk', 1\nclear\n;SELECT 'm4rk', 2;\n";
    "c on a line of its own": "SELECT 'm4rk', 1\n\\c\nSELECT 'm4rk', 2;\n";
    "p": "SELECT 'm4rk', 1 \\p;\nSELECT 'm4rk', 2;\n";
    "use": "USE m4rk\nSELECT 'm4rk', DATABASE();\nuse app;\nSELECT 'm4rk', DATABASE();\n";
    "use a name with a sign": "use m4rk-2\nSELECT 'm4rk', DATABASE();\nUSE `m4rk-2`;\nSELECT 'm4rk', DATABASE();\n";
    "u": "\\u m4rk\nSELECT 'm4rk', DATABASE();\n";
    "use with a comment": "USE m4rk; -- there\nSELECT 'm4rk', DATABASE();\n";
    "delimiter": "DELIMITER //\nSELECT 'm4rk;', 1;//\nSELECT 'm4rk', 2 // SELECT 'm4rk', 3//\ndelimiter ;\nSELECT 'm4rk', 4;\n";
    "delimiter with a comment": "DELIMITER $$ -- now\nSELECT 'm4rk', 1$$\nDELIMITER ; # back\nSELECT 'm4rk', 2;\n";
    "delimiter in quotes": "DELIMITER '//'\nSELECT 'm4rk', 1//\nDELIMITER \";\"\nSELECT 'm4rk', 2;\n";
    "delimiter of letters": "DELIMITER END_OF\nSELECT 'm4rk', 1 END_OF\nDELIMITER ;\nSELECT 'm4rk', 2;\n";
    "d": "\\d //\nSELECT 'm4rk;', 1//\n\\d ;\nSELECT 'm4rk', 2;\n";
    "delimiter with two semicolons": "DELIMITER ;;\nSELECT 'm4rk;', 1;;\nDELIMITER ;\nSELECT 'm4rk', 2;\n";
    "delimiter indented": "  DELIMITER //\nSELECT 'm4rk;', 1//\n  DELIMITER ;\nSELECT 'm4rk', 2;\n";
    "a procedure": "DELIMITER //\nCREATE PROCEDURE m4rk()\nBEGIN\n  SELECT 1;\n  SELECT 'm4rk';\nEND//\nDELIMITER ;\n";
    "output commands": "tee /dev/null\nnotee\nwarnings\nnowarning\n\\W\n\\w\npager cat\nnopager\nprompt x\nrehash\n\\#\nSELECT 'm4rk';\n";
    "status and help": "status\n\\s\nhelp\n\\h\n\\?\nSELECT 'm4rk';\n";
    "commands after a statement began": "SELECT\nstatus\n, 'm4rk' FROM (SELECT 1 AS status) x;\n";
    "no backslash escapes": "SET sql_mode = 'NO_BACKSLASH_ESCAPES';\nSELECT 'm4rk\\';\nSET sql_mode = '';\nSELECT 'm4rk\\';';\n";
    "no backslash escapes in a list": "SET SESSION sql_mode = CONCAT(@@sql_mode, ',NO_BACKSLASH_ESCAPES');\nSELECT 'm4rk\\', 2;\nSET sql_mode = DEFAULT;\nSELECT 'm4rk\\';';\n";
    "no backslash escapes saved": "SET @old = @@sql_mode, sql_mode = 'NO_BACKSLASH_ESCAPES';\nSELECT 'm4rk\\';\nSET sql_mode = @old;\nSELECT 'm4rk\\';';\n";
    "no backslash escapes in an executable comment": "/*!40101 SET @old = @@sql_mode, sql_mode = 'NO_BACKSLASH_ESCAPES' */;\nSELECT 'm4rk\\';\n/*!40101 SET sql_mode = @old */;\nSELECT 'm4rk\\';';\n";
    "ANSI quotes": "SET sql_mode = 'ANSI_QUOTES';\nSELECT 1 AS \"m4rk ; \", 'm4rk';\nSELECT 1 AS \"m4rk \"\" ; \";\n";
    "executable comment": "/*!40101 SELECT 'm4rk' */;\nSELECT 'm4rk' /*! , 2 */;\n";
    "comment that is a hint": "SELECT /*+ MAX_EXECUTION_TIME(1000) */ 'm4rk';\n";
    "comment inside a statement": "SELECT 'm4rk', /* a ; 'b */ 2;\nSELECT 'm4rk', -- a ; 'b\n 3;\nSELECT 'm4rk', # a ; 'b\n 4;\n";
    "charset": "charset utf8mb4\nSELECT 'm4rk é';\n";
    "CR in comments": "SELECT 'm4rk', # f\r\r\n 2;\nSELECT 'm4rk', -- f\rg ; '\n/* i\rj; */ 3;\n";
    "CR in remarks": "-- a \r b\nSELECT 'm4rk', 1; -- c\rd 'e\nSELECT 'm4rk', 2;\n/* g\rh; */ SELECT 'm4rk', 3;\n-- l;\r-- m;\r\n#\rn\nSELECT 'm4rk', 4;\n";
    "CR between": "SELECT 'm4rk',\r1;\rSELECT 'm4rk', 2;\r\r\n\rSELECT\r'm4rk', 3\r;";
    "source": "SELECT 'm4rk', 1;\nsource b.sql\nSELECT 'm4rk', 3;\n", "b.sql": "SELECT 'm4rk', 2;\n";
    "source as a statement": "SELECT 'm4rk', 1; source b.sql; SELECT 'm4rk', 3;\n", "b.sql": "SELECT 'm4rk', 2\n";
    "source with a dot": "SELECT 'm4rk', 1; \\. b.sql\nSELECT 'm4rk', 3;\n", "b.sql": "\u{feff}SELECT 'm4rk',\r\n2;\r\n";
    "source of a source": "SOURCE ./b.sql\nSELECT 'm4rk', 3;\n", "b.sql": "SELECT 'm4rk', 1;\nsource c.sql\nSELECT 'm4rk', 2", "c.sql": "SELECT 'm4rk;', 0";
    "source with a delimiter": "DELIMITER //\nsource b.sql\nSELECT 'm4rk', 3$\nDELIMITER ;\n", "b.sql": "SELECT 'm4rk', 1//\nDELIMITER $\nSELECT 'm4rk', 2$\n";
    "source that changes the session": "\\. b.sql\nSELECT 'm4rk\\', DATABASE();\n", "b.sql": "use m4rk\nSET sql_mode = 'NO_BACKSLASH_ESCAPES';\nSELECT 'm4rk\\';";
    "source in the middle of a statement": "SELECT 'm4rk', 1\n\\. b.sql\nSELECT 'm4rk', 3;\n", "b.sql": "SELECT 'm4rk', 2;\n";
    "source in quotes": "SELECT 'm4rk\nsource b.sql\n', 1;\n/*\nsource b.sql\n*/\nSELECT 'm4rk', source FROM (SELECT 1 AS\nsource\n) x;\n", "b.sql": "SELECT 'm4rk', 2;\n";
};
