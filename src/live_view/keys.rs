//! What a key does.

use super::lists::{Within, orders};
use super::question::{Question, Target};
use super::state::{Detail, Tab, View};
use crate::connections::What;
use crate::report::Key;

/// What the view cannot do itself.
#[derive(Debug)]
pub enum Action {
    /// Leave.
    Quit,
    /// Leave as Ctrl+C does.
    Interrupt,
    /// Stop the process, as Ctrl+Z does.
    Stop,
    /// Draw everything anew.
    Redraw,
    /// Look now.
    Sample,
    /// Ask for the full statement of a connection.
    Detail(u64),
    /// Ask for the plan of a connection's statement.
    Explain(u64),
    /// End something: the answer was yes.
    Kill(Target, bool),
}

impl View {
    /// Does what a key asks for; what else is to be done for it.
    pub fn key(&mut self, key: Key) -> Option<Action> {
        match key {
            Key::Ctrl('c') => return Some(Action::Interrupt),
            Key::Ctrl('z') => return Some(Action::Stop),
            Key::Ctrl('l') => return Some(Action::Redraw),
            _ => {}
        }
        if let Some(question) = self.question.take() {
            return self.answer(question, key);
        }
        self.message = None;
        if let Some(text) = self.typing.take() {
            self.type_filter(text, key);
            return None;
        }
        if self.help {
            self.help = false;
            return (key == Key::Char('q')).then_some(Action::Quit);
        }
        if self.detail.is_some() && self.detail_key(key) {
            return self.detail_action(key);
        }
        self.list_key(key)
    }

    fn answer(&mut self, question: Question, key: Key) -> Option<Action> {
        match key {
            Key::Char('y' | 'Y') if question.possible => {
                Some(Action::Kill(question.target, question.including_writers))
            }
            Key::Char('w' | 'W') if question.writers => {
                let what = match &question.target {
                    Target::Connections { what, .. } => *what,
                    Target::Processes(_) => What::Connection,
                };
                self.question = Question::of(self, what, true);
                None
            }
            _ => {
                self.say("nothing was ended");
                None
            }
        }
    }

    fn type_filter(&mut self, mut text: String, key: Key) {
        match key {
            Key::Enter => {
                self.filter = text;
                self.arrange();
                return;
            }
            Key::Esc => {
                self.arrange();
                return;
            }
            Key::Backspace => {
                text.pop();
            }
            // A filter as long as a line is long enough.
            Key::Char(letter) if text.len() < 100 => text.push(letter),
            _ => {}
        }
        self.typing = Some(text);
        self.arrange();
    }

    /// Whether the open pane has a use for the key.
    fn detail_key(&self, key: Key) -> bool {
        matches!(
            key,
            Key::Esc | Key::Enter | Key::Char('e') | Key::Left | Key::Right
        )
    }

    fn detail_action(&mut self, key: Key) -> Option<Action> {
        let detail = self.detail.as_mut()?;
        match key {
            Key::Char('e') => return Some(Action::Explain(detail.id)),
            Key::Right => detail.scroll = detail.scroll.saturating_add(3),
            Key::Left => detail.scroll = detail.scroll.saturating_sub(3),
            _ => self.detail = None,
        }
        None
    }

    fn list_key(&mut self, key: Key) -> Option<Action> {
        let page = self.page.max(2) - 1;
        match key {
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('?' | 'h') => self.help = true,
            Key::Char('p' | ' ') => {
                self.paused = !self.paused;
                return (!self.paused).then_some(Action::Sample);
            }
            Key::Char(digit @ '1'..='4') => {
                let index = digit as usize - '1' as usize;
                self.show(Tab::ALL[index]);
            }
            Key::Tab => self.show(Tab::ALL[(self.tab.index() + 1) % 4]),
            Key::BackTab => self.show(Tab::ALL[(self.tab.index() + 3) % 4]),
            Key::Char('s') => {
                let orders = orders(self.tab);
                let arrangement = self.arrangement();
                arrangement.sort = (arrangement.sort + 1) % orders;
                self.arrange();
            }
            Key::Char('r') => {
                let arrangement = self.arrangement();
                arrangement.reverse = !arrangement.reverse;
                self.arrange();
            }
            Key::Char('g') => {
                self.tab = Tab::Groups;
                self.grouping = self.grouping.next();
                self.arrangements[Tab::Groups.index()].selected = None;
                self.arrange();
            }
            Key::Char('i') => {
                self.hide_idle = !self.hide_idle;
                self.arrange();
            }
            Key::Char('/') => self.typing = Some(String::new()),
            Key::Esc => {
                self.filter.clear();
                self.within = None;
                self.arrange();
            }
            Key::Up => return self.step(|position| position.saturating_sub(1)),
            Key::Down => return self.step(|position| position + 1),
            Key::PageUp => return self.step(|position| position.saturating_sub(page)),
            Key::PageDown => return self.step(|position| position + page),
            Key::Home => return self.step(|_| 0),
            Key::End => return self.step(|_| usize::MAX),
            Key::Enter | Key::Char('e') => return self.open(key),
            Key::Char('k') => self.question = Question::of(self, What::Connection, false),
            Key::Char('K') => self.question = Question::of(self, What::Query, false),
            _ => {}
        }
        None
    }

    fn show(&mut self, tab: Tab) {
        self.tab = tab;
        self.detail = None;
    }

    fn step(&mut self, to: impl Fn(usize) -> usize) -> Option<Action> {
        let last = self.list().len().saturating_sub(1);
        let arrangement = self.arrangement();
        arrangement.position = to(arrangement.position).min(last);
        let position = arrangement.position;
        let key = self.list().key(position);
        self.arrangement().selected = key;
        // The pane goes with the cursor.
        let (detail, id) = (self.detail.as_mut()?, key?);
        if detail.id == id {
            return None;
        }
        *detail = Detail {
            id,
            ..Detail::default()
        };
        Some(Action::Detail(id))
    }

    /// Opens the pane of a connection, or the list of what a process or a group holds.
    fn open(&mut self, key: Key) -> Option<Action> {
        let selected = self.selected()?;
        match self.tab {
            Tab::Connections | Tab::Locks => {
                self.detail = Some(Detail {
                    id: selected,
                    ..Detail::default()
                });
                Some(match key {
                    Key::Char('e') => Action::Explain(selected),
                    _ => Action::Detail(selected),
                })
            }
            Tab::Processes | Tab::Groups => {
                let position = self.arrangements[self.tab.index()].position;
                let list = self.list();
                let within = match self.tab {
                    Tab::Processes => Within::Process(list.holders.get(position)?.process.pid),
                    _ => Within::Group(self.grouping, list.groups.get(position)?.name.clone()),
                };
                self.within = Some(within);
                self.filter.clear();
                self.show(Tab::Connections);
                self.arrange();
                None
            }
        }
    }
}
