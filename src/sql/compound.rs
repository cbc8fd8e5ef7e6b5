//! Recognises the compound bodies of stored programs, so that they stay whole without `DELIMITER`.
//!
//! The command line client needs `DELIMITER` around a `BEGIN … END` body. A file written without it can only
//! mean one thing, so while the delimiter is `;` these bodies are followed by their grammar:
//! `CREATE [OR REPLACE] [DEFINER = …] PROCEDURE | FUNCTION | TRIGGER | EVENT`, `ALTER EVENT … DO`, and MariaDB's
//! stand-alone `BEGIN NOT ATOMIC`, `IF`, `CASE`, `LOOP`, `WHILE`, `REPEAT` and `FOR`.
//!
//! A word opens a block only where a statement may begin: that is what tells the `IF` statement from the
//! function `IF()`, the `CASE` statement from the expression, and a column called `begin` from a block.
//! Not followed: Oracle mode (`AS`/`IS` bodies, packages) and `$$`-quoted bodies; they need `DELIMITER`.

/// A block that is waiting for its `END`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Begin,
    If,
    Case,
    Loop,
    /// `WHILE` and `FOR`; the flag says that `DO` has not come yet.
    While {
        header: bool,
    },
    Repeat,
    /// A `REPEAT` whose condition has come: `END` follows it without a semicolon.
    Until,
    /// A CASE expression, which ends with a plain `END` and opens no statements.
    CaseExpression,
}

/// Where in a statement we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// Nothing seen yet.
    Start,
    /// `CREATE` or `ALTER` seen, the kind of object has not come.
    Kind { alter: bool },
    /// `BEGIN` at the top: a transaction, unless `NOT ATOMIC` follows.
    Begin,
    /// Up to the end of a routine's parameter list.
    Parameters { function: bool },
    /// Between parameters and body.
    Characteristics { function: bool },
    /// Up to `FOR EACH ROW`.
    Trigger,
    /// Just after `FOR EACH ROW`; `FOLLOWS` or `PRECEDES` with a name may come.
    TriggerOrder { name: bool },
    /// Up to the `DO` of an event.
    Event,
    /// In the body.
    Body,
    /// A statement without a body.
    Plain,
}

/// Progress through `DECLARE … HANDLER FOR condition, … statement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handler {
    None,
    Declared,
    Named,
    Condition,
    Rest,
    Done,
}

/// What a token is to this recogniser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// A bare word.
    Word(&'a str),
    /// A quoted string or identifier.
    Quoted,
    /// A single character.
    Char(char),
    /// The two characters `:=`.
    Assign,
}

/// Follows one statement, token by token.
#[derive(Debug, Clone)]
pub(super) struct Compound {
    head: Head,
    blocks: Vec<(Block, usize)>,
    /// Parentheses open since the last statement began.
    depth: usize,
    /// A statement of the body may begin here.
    at_start: bool,
    /// The previous token was the first of its statement: a `:` makes it a label.
    was_first: bool,
    /// The word after `END` belongs to it (`END IF`).
    after_end: bool,
    /// An operand was just read, so `END` may end a CASE expression.
    operand: bool,
    handler: Handler,
    previous: char,
    previous_word: String,
}

const CHARACTERISTICS: &[&str] = &[
    "COMMENT",
    "LANGUAGE",
    "SQL",
    "NOT",
    "DETERMINISTIC",
    "CONTAINS",
    "NO",
    "READS",
    "MODIFIES",
    "DATA",
    "SECURITY",
    "DEFINER",
    "INVOKER",
];
const OPENERS: &[&str] = &["BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"];
/// Words after which an operand must follow, so an `END` there is a column's name.
const OPERATORS: &[&str] = &[
    "CASE", "WHEN", "THEN", "ELSE", "AND", "OR", "XOR", "NOT", "IN", "BETWEEN", "LIKE", "RLIKE", "REGEXP",
    "DIV", "MOD", "IS", "INTERVAL", "BINARY", "SELECT", "BY", "WHERE", "DISTINCT",
];

fn is(word: &str, list: &[&str]) -> bool {
    list.iter().any(|entry| entry.eq_ignore_ascii_case(word))
}

impl Compound {
    pub(super) fn new() -> Self {
        Compound {
            head: Head::Start,
            blocks: Vec::new(),
            depth: 0,
            at_start: false,
            was_first: false,
            after_end: false,
            operand: false,
            handler: Handler::None,
            previous: ' ',
            previous_word: String::new(),
        }
    }

    /// Where the outermost open block began; a `;` here is part of the body.
    pub(super) fn open(&self) -> Option<usize> {
        self.blocks.first().map(|&(_, at)| at)
    }

    /// Says that the text before `count` is gone, so that offsets begin there.
    pub(super) fn discard(&mut self, count: usize) {
        for (_, at) in &mut self.blocks {
            *at -= count;
        }
    }

    /// Takes the next significant token, which begins at `at`.
    pub(super) fn feed(&mut self, seen: Seen<'_>, at: usize) {
        match self.head {
            Head::Plain => return,
            Head::Body => self.body(seen, at),
            _ => self.header(seen, at),
        }
        match seen {
            Seen::Char('(') => self.depth += 1,
            Seen::Char(')') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if let (Head::Parameters { function }, Seen::Char(')'), 0) = (self.head, seen, self.depth) {
            self.head = Head::Characteristics { function };
        }
        self.operand = match seen {
            Seen::Word(word) => !is(word, OPERATORS),
            Seen::Quoted => true,
            Seen::Char(c) => c == ')',
            Seen::Assign => false,
        };
        self.previous = match seen {
            Seen::Char(c) => c,
            Seen::Assign => '=',
            _ => 'w',
        };
        if let Seen::Word(word) = seen {
            self.previous_word.clear();
            self.previous_word
                .extend(word.chars().take(16).map(|c| c.to_ascii_uppercase()));
        }
    }

    fn enter(&mut self, seen: Seen<'_>, at: usize) {
        self.head = Head::Body;
        self.depth = 0;
        self.at_start = true;
        self.body(seen, at);
    }

    fn header(&mut self, seen: Seen<'_>, at: usize) {
        let word = match seen {
            Seen::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        };
        let word = word.as_str();
        match self.head {
            Head::Start => match word {
                "CREATE" | "ALTER" => {
                    self.head = Head::Kind {
                        alter: word == "ALTER",
                    }
                }
                "BEGIN" => self.head = Head::Begin,
                _ if is(word, OPENERS) => self.enter(seen, at),
                _ => self.head = Head::Plain,
            },
            Head::Begin if word == "NOT" => {
                self.head = Head::Body;
                self.push(Block::Begin, at, true);
            }
            Head::Begin => self.head = Head::Plain,
            // The value of DEFINER = user@host may be any word.
            Head::Kind { .. } if matches!(self.previous, '=' | '@') => {}
            Head::Kind { alter } => match word {
                "PROCEDURE" | "FUNCTION" if !alter => {
                    self.head = Head::Parameters {
                        function: word == "FUNCTION",
                    };
                }
                "TRIGGER" if !alter => self.head = Head::Trigger,
                "EVENT" => self.head = Head::Event,
                "" | "OR" | "REPLACE" | "DEFINER" | "AGGREGATE" | "CURRENT_USER" | "CURRENT_ROLE" => {}
                _ => self.head = Head::Plain,
            },
            Head::Characteristics { function } if self.depth == 0 => match word {
                "" => {}
                "RETURN" => self.head = Head::Plain,
                _ if is(word, OPENERS) => self.enter(seen, at),
                _ if function || is(word, CHARACTERISTICS) || self.previous_word == "LANGUAGE" => {}
                _ => self.enter(seen, at),
            },
            Head::Trigger if word == "ROW" && self.previous_word == "EACH" => {
                self.head = Head::TriggerOrder { name: false };
            }
            Head::TriggerOrder { name: false } if matches!(word, "FOLLOWS" | "PRECEDES") => {
                self.head = Head::TriggerOrder { name: true };
            }
            Head::TriggerOrder { name: true } => self.head = Head::TriggerOrder { name: false },
            Head::TriggerOrder { name: false } => self.enter(seen, at),
            Head::Event if word == "DO" && self.depth == 0 => {
                self.head = Head::Body;
                self.at_start = true;
            }
            _ => {}
        }
    }

    fn push(&mut self, block: Block, at: usize, starts_statement: bool) {
        self.blocks.push((block, at));
        self.at_start = starts_statement;
    }

    fn replace(&mut self, block: Block) {
        if let Some(last) = self.blocks.last_mut() {
            last.0 = block;
        }
    }

    fn top(&self) -> Option<Block> {
        self.blocks.last().map(|&(block, _)| block)
    }

    fn body(&mut self, seen: Seen<'_>, at: usize) {
        let first = std::mem::take(&mut self.at_start);
        let after_first = std::mem::replace(&mut self.was_first, first);
        let after_end = std::mem::take(&mut self.after_end);
        match seen {
            Seen::Char(';') => {
                while self.top() == Some(Block::CaseExpression) {
                    self.blocks.pop();
                }
                self.depth = 0;
                self.handler = Handler::None;
                self.at_start = true;
                self.was_first = false;
            }
            Seen::Char(':') if after_first || self.handler == Handler::Done => {
                self.at_start = true;
                self.was_first = false;
            }
            Seen::Word(word) => {
                let word = word.to_ascii_uppercase();
                if after_end && is(&word, OPENERS) {
                    return;
                }
                let first = self.handler(Some(&word)) || first;
                self.word(&word, first, at);
            }
            _ => {
                self.handler(None);
                if seen == Seen::Char(',') && self.handler == Handler::Rest {
                    self.handler = Handler::Condition;
                }
            }
        }
    }

    /// Follows a handler's declaration; true when its statement begins with this token.
    fn handler(&mut self, word: Option<&str>) -> bool {
        let was = self.handler;
        self.handler = match (was, word) {
            (Handler::Declared, Some("HANDLER")) => Handler::Named,
            (Handler::Named, Some("FOR")) => Handler::Condition,
            // `NOT FOUND` and `SQLSTATE VALUE '…'`: the last token of the condition is still to come.
            (Handler::Condition, Some("NOT" | "SQLSTATE" | "VALUE")) => Handler::Condition,
            (Handler::Condition, _) => Handler::Rest,
            (Handler::Rest, Some(_)) => Handler::Done,
            (same, _) => same,
        };
        was == Handler::Rest && self.handler == Handler::Done
    }

    fn word(&mut self, word: &str, first: bool, at: usize) {
        let top = self.top();
        match word {
            "END" if top == Some(Block::CaseExpression) && self.operand => {
                self.blocks.pop();
            }
            "CASE" if first => self.push(Block::Case, at, false),
            "CASE" if self.previous != '.' => self.push(Block::CaseExpression, at, false),
            "END" if first || top == Some(Block::Until) && self.operand => {
                self.blocks.pop();
                self.after_end = true;
            }
            "BEGIN" if first => self.push(Block::Begin, at, true),
            // BEGIN NOT ATOMIC
            "NOT" if first && self.previous_word == "BEGIN" => self.at_start = true,
            "ATOMIC" if first => self.at_start = true,
            "IF" if first => self.push(Block::If, at, false),
            "LOOP" if first => self.push(Block::Loop, at, true),
            "REPEAT" if first => self.push(Block::Repeat, at, true),
            "WHILE" | "FOR" if first => self.push(Block::While { header: true }, at, false),
            "DECLARE" if first => self.handler = Handler::Declared,
            "UNTIL" if first && top == Some(Block::Repeat) => self.replace(Block::Until),
            "DO" if top == Some(Block::While { header: true }) => {
                self.replace(Block::While { header: false });
                self.at_start = true;
            }
            "THEN" | "ELSE" if matches!(top, Some(Block::If | Block::Case)) && self.depth == 0 => {
                self.at_start = true;
            }
            _ => {}
        }
    }
}
