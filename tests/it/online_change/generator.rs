//! Random tables, and random changes of them.

/// Numbers that look random and are the same for the same seed (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    /// True in `percent` of a hundred cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A type: its name, its group, whether a literal may be its default, and how many characters of it an index may
/// have at most, where it needs a limit.
type Type = (&'static str, &'static str, bool, bool);

const TYPES: &[Type] = &[
    ("TINYINT", "int", true, false),
    ("SMALLINT", "int", true, false),
    ("MEDIUMINT UNSIGNED", "int", true, false),
    ("INT", "int", true, false),
    ("INT UNSIGNED", "int", true, false),
    ("BIGINT", "int", true, false),
    ("BIGINT UNSIGNED", "int", true, false),
    ("DECIMAL(10,2)", "number", true, false),
    ("DECIMAL(20,6)", "number", true, false),
    ("DOUBLE", "number", true, false),
    ("FLOAT", "number", true, false),
    ("VARCHAR(20)", "text", true, false),
    ("VARCHAR(100)", "text", true, false),
    ("CHAR(12)", "text", true, false),
    ("VARCHAR(30) CHARACTER SET latin1", "text", true, false),
    (
        "VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "text",
        true,
        false,
    ),
    ("TINYTEXT", "text", false, true),
    ("TEXT", "text", false, true),
    ("MEDIUMTEXT CHARACTER SET utf8mb4", "text", false, true),
    ("BINARY(6)", "bytes", false, false),
    ("VARBINARY(16)", "bytes", false, false),
    ("BLOB", "bytes", false, true),
    ("DATE", "time", true, false),
    ("DATETIME", "time", true, false),
    ("DATETIME(3)", "time", true, false),
    ("TIMESTAMP", "time", true, false),
    ("TIMESTAMP(6)", "time", true, false),
    ("TIME", "clock", true, false),
    ("TIME(4)", "clock", true, false),
    ("YEAR", "year", true, false),
    ("ENUM('x','y','z')", "enum", true, false),
    ("ENUM('w','x','y','z')", "enum", true, false),
    ("SET('p','q','r')", "set", true, false),
    ("SET('r','p','q','o')", "set", true, false),
    ("BIT(9)", "bit", false, false),
    ("BIT(20)", "bit", false, false),
    ("JSON", "json", false, true),
];

fn values(group: &str) -> &'static [&'static str] {
    match group {
        "int" => &["0", "1", "7", "42", "99", "120"],
        "number" => &["0", "1.5", "-2.25", "1234.5", "0.01"],
        "text" => &[
            "''", "'a'", "'A'", "'ab '", "'it''s'", "'5'", "'ä\\\\'", "'éß'", "'zz top'",
        ],
        "bytes" => &["X''", "X'00FF'", "X'27'", "X'5C6162'"],
        "time" => &[
            "'2024-02-29'",
            "'1999-12-31'",
            "'2031-07-01 12:30:15'",
            "'2020-05-05 23:59:59'",
        ],
        "clock" => &["'00:00:00'", "'12:34:56'", "'-01:02:03'", "'100:00:00.5'"],
        "year" => &["1999", "2024", "2100"],
        "enum" => &["'x'", "'y'", "'z'"],
        "set" => &["''", "'p'", "'q,p'", "'p,q,r'"],
        "bit" => &["b'0'", "b'101'", "b'111111111'"],
        _ => &["'{\"a\": [1, 2.50]}'", "'[]'", "'\"ä\"'", "'null'"],
    }
}

struct Column {
    name: String,
    kind: &'static Type,
    not_null: bool,
}

/// A table `t` in the making, and what may be done to it.
pub struct Table {
    mysql: bool,
    columns: Vec<Column>,
    indexes: Vec<String>,
    checks: Vec<String>,
    foreign: bool,
    partitioned: bool,
    /// Whether its key could be the columns of a partition.
    hash: bool,
    generated: usize,
    /// What makes it.
    pub setup: Vec<String>,
}

impl Table {
    /// A random one, with rows.
    pub fn new(dice: &mut Dice, mysql: bool) -> Table {
        let mut table = Table {
            mysql,
            columns: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            foreign: false,
            partitioned: false,
            hash: false,
            generated: 0,
            setup: vec![
                "CREATE TABLE p (id INT PRIMARY KEY)".to_owned(),
                "INSERT INTO p VALUES (1), (2), (3)".to_owned(),
            ],
        };
        let mut parts = table.key(dice);
        for number in 0..=dice.below(6) {
            let kind = dice.pick(TYPES);
            let column = Column {
                name: format!("c{number}"),
                kind,
                not_null: dice.chance(40),
            };
            parts.push(definition(dice, &column.name, kind, column.not_null));
            table.columns.push(column);
        }
        parts.push("`zz` INT".to_owned());
        for _ in 0..dice.below(3) {
            let (name, index) = table.index(dice, "KEY");
            table.indexes.push(name);
            parts.push(index);
        }
        if dice.chance(25) {
            let (name, index) = table.index(dice, "UNIQUE KEY");
            table.indexes.push(name);
            parts.push(index);
        }
        if dice.chance(30) {
            parts.push(table.generated(dice));
        }
        table.partitioned = table.hash && dice.chance(15);
        if !table.partitioned && dice.chance(25) {
            table.foreign = true;
            let action = dice.pick(&["", " ON DELETE CASCADE", " ON DELETE SET NULL ON UPDATE CASCADE"]);
            let name = dice.pick(&["", "CONSTRAINT named ", "CONSTRAINT t_ibfk_3 "]);
            parts.push("`f` INT".to_owned());
            parts.push(format!("{name}FOREIGN KEY (`f`) REFERENCES p (id){action}"));
        }
        if dice.chance(20) {
            let check = dice.pick(&["CHECK (`zz` < 1000)", "CHECK (`zz` > -1000)"]);
            parts.push((*check).to_owned());
            table
                .checks
                .push(if mysql { "t_chk_1" } else { "CONSTRAINT_1" }.to_owned());
        }
        let options = [
            "",
            " COMMENT='it''s; ALTER'",
            " ROW_FORMAT=COMPACT",
            " DEFAULT CHARSET=latin1",
            " DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci",
            " AUTO_INCREMENT=500",
            " STATS_PERSISTENT=1",
        ];
        let partitions = if table.partitioned {
            " PARTITION BY HASH (`k`) PARTITIONS 3"
        } else {
            ""
        };
        table.setup.push(format!(
            "CREATE TABLE t ({}){}{partitions}",
            parts.join(", "),
            dice.pick(&options)
        ));
        table.fill(dice);
        if table
            .setup
            .iter()
            .any(|sql| sql.contains("`k` INT NOT NULL AUTO_INCREMENT"))
        {
            // Rows that IGNORE leaves out leave a counter on MySQL that is another one once the table is opened again.
            table.setup.push("ALTER TABLE t AUTO_INCREMENT = 700".to_owned());
        }
        if dice.chance(15) {
            table
                .setup
                .push("CREATE TABLE seen (n INT AUTO_INCREMENT PRIMARY KEY, k VARCHAR(60))".to_owned());
            table.setup.push(
                "CREATE TRIGGER tr AFTER UPDATE ON t FOR EACH ROW INSERT INTO seen (k) VALUES (NEW.zz)"
                    .to_owned(),
            );
        }
        table
    }

    /// The columns and the definition of a key that finds each row.
    fn key(&mut self, dice: &mut Dice) -> Vec<String> {
        self.hash = true;
        let parts: &[&str] = match dice.below(8) {
            0 => &["`k` BIGINT UNSIGNED NOT NULL", "PRIMARY KEY (`k`)"],
            1 => &[
                "`k` INT NOT NULL",
                "`l` VARCHAR(10) NOT NULL",
                "PRIMARY KEY (`k`, `l`)",
            ],
            2 => {
                self.hash = false;
                &["`k` VARCHAR(20) NOT NULL PRIMARY KEY"]
            }
            3 => {
                self.hash = false;
                &["`k` DATE NOT NULL", "`l` INT NOT NULL", "PRIMARY KEY (`l`, `k`)"]
            }
            4 => &["`k` SMALLINT NOT NULL", "UNIQUE KEY own (`k`)"],
            5 => {
                self.hash = false;
                &["`k` VARBINARY(20) NOT NULL PRIMARY KEY"]
            }
            _ => &["`k` INT NOT NULL AUTO_INCREMENT PRIMARY KEY"],
        };
        parts.iter().map(|part| (*part).to_owned()).collect()
    }

    fn index(&self, dice: &mut Dice, kind: &str) -> (String, String) {
        let name = format!("i{}", dice.below(100_000));
        let mut parts: Vec<String> = Vec::new();
        for _ in 0..=dice.below(2) {
            let column = dice.pick(&self.columns);
            let is_text = ["text", "bytes"].contains(&column.kind.1);
            let limit = if column.kind.3 || is_text && dice.chance(30) {
                "(5)"
            } else {
                ""
            };
            if !parts
                .iter()
                .any(|part| part.starts_with(&format!("`{}`", column.name)))
            {
                let order = if dice.chance(15) { " DESC" } else { "" };
                parts.push(format!("`{}`{limit}{order}", column.name));
            }
        }
        (name.clone(), format!("{kind} {name} ({})", parts.join(", ")))
    }

    fn generated(&mut self, dice: &mut Dice) -> String {
        self.generated += 1;
        let kind = dice.pick(&["STORED", "VIRTUAL"]);
        let expression = dice.pick(&["`zz` + 1", "CONCAT('<', `zz`, '>')", "`zz` * 2"]);
        let of = if expression.contains("CONCAT") {
            "VARCHAR(40)"
        } else {
            "BIGINT"
        };
        format!("`g{}` {of} AS ({expression}) {kind}", self.generated)
    }

    fn fill(&mut self, dice: &mut Dice) {
        let mut rows = Vec::new();
        let two = self.setup.iter().any(|sql| sql.contains("`l` "));
        let date = self.setup.iter().any(|sql| sql.contains("`k` DATE"));
        for number in 1..=dice.below(40) {
            let mut cells = vec![if date {
                format!("'20{:02}-01-0{}'", number % 30, 1 + number % 7)
            } else {
                format!("'{number}'")
            }];
            if two {
                cells.push(format!("'{}'", dice.below(9)));
            }
            for column in &self.columns {
                cells.push(if !column.not_null && dice.chance(20) {
                    "NULL".to_owned()
                } else {
                    (*dice.pick(values(column.kind.1))).to_owned()
                });
            }
            cells.push(dice.pick(&["NULL", "0", "5", "-7", "900"]).to_string());
            if self.foreign {
                cells.push(dice.pick(&["NULL", "1", "2", "3"]).to_string());
            }
            rows.push(format!("({})", cells.join(", ")));
        }
        if rows.is_empty() {
            return;
        }
        let mut names = vec!["`k`".to_owned()];
        if two {
            names.push("`l`".to_owned());
        }
        names.extend(self.columns.iter().map(|column| format!("`{}`", column.name)));
        names.push("`zz`".to_owned());
        if self.foreign {
            names.push("`f`".to_owned());
        }
        self.setup.push(format!(
            "INSERT IGNORE INTO t ({}) VALUES {}",
            names.join(", "),
            rows.join(", ")
        ));
    }

    /// A random change. One of its actions needs a copy, so that no server does it in place.
    pub fn alter(&mut self, dice: &mut Dice) -> String {
        let mut actions = Vec::new();
        let mut free: Vec<usize> = (0..self.columns.len()).collect();
        for number in 0..=dice.below(4) {
            let action = self.action(dice, number, &mut free);
            actions.extend(action);
        }
        let at = dice.below(actions.len() + 1);
        actions.insert(at, "MODIFY `zz` BIGINT".to_owned());
        let partition = match (self.partitioned, self.hash && !self.foreign) {
            (true, _) if dice.chance(30) => " REMOVE PARTITIONING",
            (false, true) if dice.chance(12) => " PARTITION BY KEY (`k`) PARTITIONS 2",
            _ => "",
        };
        format!("ALTER TABLE t {}{partition}", actions.join(", "))
    }

    fn action(&mut self, dice: &mut Dice, number: usize, free: &mut Vec<usize>) -> Option<String> {
        let place = match dice.below(4) {
            0 => " FIRST".to_owned(),
            1 => format!(" AFTER `{}`", dice.pick(&["k", "zz"])),
            _ => String::new(),
        };
        let drawn = dice.below(20);
        let mut column = || {
            let at = (!free.is_empty()).then(|| dice.below(free.len()))?;
            Some(&self.columns[free.swap_remove(at)])
        };
        Some(match drawn {
            0..=2 => {
                let kind = dice.pick(TYPES);
                let not_null = dice.chance(50);
                format!(
                    "ADD COLUMN {}{place}",
                    definition(dice, &format!("n{number}"), kind, not_null)
                )
            }
            3 => format!("DROP COLUMN `{}`", column()?.name),
            4..=6 => {
                let (name, group, not_null) = of(column()?);
                let kind = same_group(dice, group);
                let not_null = not_null && dice.chance(80);
                format!("MODIFY {}{place}", definition(dice, &name, kind, not_null))
            }
            7 => {
                let (name, group, not_null) = of(column()?);
                let kind = same_group(dice, group);
                format!(
                    "CHANGE `{name}` {}",
                    definition(dice, &format!("r{number}"), kind, not_null)
                )
            }
            8 => format!("RENAME COLUMN `{}` TO `r{number}`", column()?.name),
            9 => {
                let (name, _, not_null) = of(column()?);
                let kind = dice.pick(TYPES);
                format!("MODIFY {}", definition(dice, &name, kind, not_null))
            }
            10 => format!("ADD {}", self.index(dice, "KEY").1),
            11 => format!("ADD {}", self.index(dice, "UNIQUE KEY").1),
            12 => format!("DROP KEY {}", self.indexes.pop()?),
            13 => format!("RENAME KEY {} TO other{number}", self.indexes.pop()?),
            14 => format!("ALTER COLUMN `{}` DROP DEFAULT", column()?.name),
            15 => (*dice.pick(&[
                "CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
                "CONVERT TO CHARACTER SET latin1",
                "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            ]))
            .to_owned(),
            16 => (*dice.pick(&["COMMENT='changed'", "ROW_FORMAT=DYNAMIC", "STATS_PERSISTENT=0"])).to_owned(),
            17 => format!("ADD COLUMN {}", self.generated(dice)),
            18 if !self.checks.is_empty() && dice.chance(50) => {
                let check = self.checks.pop()?;
                let kind = if self.mysql { "CHECK" } else { "CONSTRAINT" };
                format!("DROP {kind} {check}")
            }
            _ => "ADD CHECK (`zz` > -1000)".to_owned(),
        })
    }
}

fn of(column: &Column) -> (String, &'static str, bool) {
    (column.name.clone(), column.kind.1, column.not_null)
}

fn same_group(dice: &mut Dice, group: &str) -> &'static Type {
    let same: Vec<&'static Type> = TYPES.iter().filter(|kind| kind.1 == group).collect();
    same[dice.below(same.len())]
}

fn definition(dice: &mut Dice, name: &str, kind: &Type, not_null: bool) -> String {
    let mut text = format!(
        "`{name}` {}{}",
        kind.0,
        if not_null { " NOT NULL" } else { " NULL" }
    );
    if kind.2 && dice.chance(35) {
        let value = dice.pick(values(kind.1));
        text += &format!(" DEFAULT {value}");
    }
    if dice.chance(15) {
        text += " COMMENT 'NOT NULL, `x`'";
    }
    text
}
