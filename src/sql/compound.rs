//! Recognises the compound bodies of stored programs, so that they stay whole without `DELIMITER`.
//!
//! The command line client needs `DELIMITER` around a `BEGIN … END` body. A file without it is unambiguous
//! too, so while the delimiter is `;` these bodies are recognised by their grammar:
//! `CREATE [OR REPLACE] [DEFINER = …] PROCEDURE | FUNCTION | TRIGGER | EVENT`, `ALTER EVENT … DO`, and MariaDB's
//! stand-alone `BEGIN NOT ATOMIC`, `IF`, `CASE`, `LOOP`, `WHILE`, `REPEAT` and `FOR`.
//!
//! A word opens a block only where a statement may start: this distinguishes the `IF` statement from the
//! function `IF()`, the `CASE` statement from the expression, and a column called `begin` from a block.
//! Not recognised: Oracle mode (`AS`/`IS` bodies, packages) and `$$`-quoted bodies; they need `DELIMITER`.

/// A block that is waiting for its `END`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Begin,
    If,
    Case,
    Loop,
    /// `WHILE` and `FOR`; `header` until `DO`.
    While {
        header: bool,
    },
    Repeat,
    /// A `REPEAT` after `UNTIL`: `END` follows the condition without a semicolon.
    Until,
    /// A CASE expression, which ends with a plain `END` and opens no statements.
    CaseExpression,
}

/// The position in the header of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HeaderState {
    /// Nothing seen yet.
    Start,
    /// After `CREATE` or `ALTER`, before the kind of object.
    TokenKind { alter: bool },
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
enum HandlerState {
    None,
    Declared,
    Named,
    Condition,
    Rest,
    Done,
}

/// A token as this recogniser sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompoundToken<'a> {
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
    head: HeaderState,
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
    handler: HandlerState,
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
            head: HeaderState::Start,
            blocks: Vec::new(),
            depth: 0,
            at_start: false,
            was_first: false,
            after_end: false,
            operand: false,
            handler: HandlerState::None,
            previous: ' ',
            previous_word: String::new(),
        }
    }

    /// The start of the outermost open block; a `;` inside is part of the body.
    pub(super) fn open(&self) -> Option<usize> {
        self.blocks.first().map(|&(_, at)| at)
    }

    /// Removes the first `count` bytes of the text from all offsets.
    pub(super) fn discard(&mut self, count: usize) {
        for (_, at) in &mut self.blocks {
            *at -= count;
        }
    }

    /// Reads the next significant token, which starts at `at`.
    pub(super) fn feed(&mut self, seen: CompoundToken<'_>, at: usize) {
        match self.head {
            HeaderState::Plain => return,
            HeaderState::Body => self.body(seen, at),
            _ => self.header(seen, at),
        }
        match seen {
            CompoundToken::Char('(') => self.depth += 1,
            CompoundToken::Char(')') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if let (HeaderState::Parameters { function }, CompoundToken::Char(')'), 0) =
            (self.head, seen, self.depth)
        {
            self.head = HeaderState::Characteristics { function };
        }
        self.operand = match seen {
            CompoundToken::Word(word) => !is(word, OPERATORS),
            CompoundToken::Quoted => true,
            CompoundToken::Char(c) => c == ')',
            CompoundToken::Assign => false,
        };
        self.previous = match seen {
            CompoundToken::Char(c) => c,
            CompoundToken::Assign => '=',
            _ => 'w',
        };
        if let CompoundToken::Word(word) = seen {
            self.previous_word.clear();
            self.previous_word
                .extend(word.chars().take(16).map(|c| c.to_ascii_uppercase()));
        }
    }

    fn enter(&mut self, seen: CompoundToken<'_>, at: usize) {
        self.head = HeaderState::Body;
        self.depth = 0;
        self.at_start = true;
        self.body(seen, at);
    }

    fn header(&mut self, seen: CompoundToken<'_>, at: usize) {
        let word = match seen {
            CompoundToken::Word(word) => word.to_ascii_uppercase(),
            _ => String::new(),
        };
        let word = word.as_str();
        match self.head {
            HeaderState::Start => match word {
                "CREATE" | "ALTER" => {
                    self.head = HeaderState::TokenKind {
                        alter: word == "ALTER",
                    }
                }
                "BEGIN" => self.head = HeaderState::Begin,
                _ if is(word, OPENERS) => self.enter(seen, at),
                _ => self.head = HeaderState::Plain,
            },
            HeaderState::Begin if word == "NOT" => {
                self.head = HeaderState::Body;
                self.push(Block::Begin, at, true);
            }
            HeaderState::Begin => self.head = HeaderState::Plain,
            // The value of DEFINER = user@host may be any word.
            HeaderState::TokenKind { .. } if matches!(self.previous, '=' | '@') => {}
            HeaderState::TokenKind { alter } => match word {
                "PROCEDURE" | "FUNCTION" if !alter => {
                    self.head = HeaderState::Parameters {
                        function: word == "FUNCTION",
                    };
                }
                "TRIGGER" if !alter => self.head = HeaderState::Trigger,
                "EVENT" => self.head = HeaderState::Event,
                "" | "OR" | "REPLACE" | "DEFINER" | "AGGREGATE" | "CURRENT_USER" | "CURRENT_ROLE" => {}
                _ => self.head = HeaderState::Plain,
            },
            HeaderState::Characteristics { function } if self.depth == 0 => match word {
                "" => {}
                "RETURN" => self.head = HeaderState::Plain,
                _ if is(word, OPENERS) => self.enter(seen, at),
                _ if function || is(word, CHARACTERISTICS) || self.previous_word == "LANGUAGE" => {}
                _ => self.enter(seen, at),
            },
            HeaderState::Trigger if word == "ROW" && self.previous_word == "EACH" => {
                self.head = HeaderState::TriggerOrder { name: false };
            }
            HeaderState::TriggerOrder { name: false } if matches!(word, "FOLLOWS" | "PRECEDES") => {
                self.head = HeaderState::TriggerOrder { name: true };
            }
            HeaderState::TriggerOrder { name: true } => self.head = HeaderState::TriggerOrder { name: false },
            HeaderState::TriggerOrder { name: false } => self.enter(seen, at),
            HeaderState::Event if word == "DO" && self.depth == 0 => {
                self.head = HeaderState::Body;
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

    fn body(&mut self, seen: CompoundToken<'_>, at: usize) {
        let first = std::mem::take(&mut self.at_start);
        let after_first = std::mem::replace(&mut self.was_first, first);
        let after_end = std::mem::take(&mut self.after_end);
        match seen {
            CompoundToken::Char(';') => {
                while self.top() == Some(Block::CaseExpression) {
                    self.blocks.pop();
                }
                self.depth = 0;
                self.handler = HandlerState::None;
                self.at_start = true;
                self.was_first = false;
            }
            CompoundToken::Char(':') if after_first || self.handler == HandlerState::Done => {
                self.at_start = true;
                self.was_first = false;
            }
            CompoundToken::Word(word) => {
                let word = word.to_ascii_uppercase();
                if after_end && is(&word, OPENERS) {
                    return;
                }
                let first = self.handler(Some(&word)) || first;
                self.word(&word, first, at);
            }
            _ => {
                self.handler(None);
                if seen == CompoundToken::Char(',') && self.handler == HandlerState::Rest {
                    self.handler = HandlerState::Condition;
                }
            }
        }
    }

    /// Follows a handler's declaration; true when its statement begins with this token.
    fn handler(&mut self, word: Option<&str>) -> bool {
        let was = self.handler;
        self.handler = match (was, word) {
            (HandlerState::Declared, Some("HANDLER")) => HandlerState::Named,
            (HandlerState::Named, Some("FOR")) => HandlerState::Condition,
            // `NOT FOUND` and `SQLSTATE VALUE '…'`: the last token of the condition is still to come.
            (HandlerState::Condition, Some("NOT" | "SQLSTATE" | "VALUE")) => HandlerState::Condition,
            (HandlerState::Condition, _) => HandlerState::Rest,
            (HandlerState::Rest, Some(_)) => HandlerState::Done,
            (same, _) => same,
        };
        was == HandlerState::Rest && self.handler == HandlerState::Done
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
            "DECLARE" if first => self.handler = HandlerState::Declared,
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
