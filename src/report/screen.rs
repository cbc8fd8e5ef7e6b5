//! The whole terminal, for a view that draws itself: taken, and given back on every way out.
//!
//! Taking it changes what outlives the process: the terminal's modes, its alternate screen and its cursor. They are
//! restored when the value is dropped (an end, an error, a panic that unwinds), and by [`restore_terminal`] where
//! nothing is dropped: the last resort of the signal handler. Lines for standard error are held back meanwhile.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossterm::cursor::{Hide, Show};
use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::execute;
use crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use nix::sys::signal::{Signal, raise};
use ratatui::backend::CrosstermBackend;
use ratatui::{Frame, Terminal};
use signal_hook::consts::{SIGCONT, SIGTSTP};
use tokio::sync::mpsc;

use super::{ColorChoice, Format, Reporter, terminal};

/// How soon a request to stop is noticed while no key is pressed.
const PULSE: Duration = Duration::from_millis(200);

/// Whether the terminal is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A key, without what the view has no use for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character, with Shift as the terminal gives it.
    Char(char),
    /// A letter with Ctrl.
    Ctrl(char),
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Tab with Shift.
    BackTab,
    /// Deletes the character before the cursor.
    Backspace,
    /// An arrow.
    Up,
    /// An arrow.
    Down,
    /// An arrow.
    Left,
    /// An arrow.
    Right,
    /// One page back.
    PageUp,
    /// One page on.
    PageDown,
    /// To the beginning.
    Home,
    /// To the end.
    End,
}

/// What happened at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScreenEvent {
    /// A key was pressed.
    Key(Key),
    /// It has another size.
    Resize,
    /// The program is asked to stop until it is continued (SIGTSTP).
    Stop,
    /// The program was continued, and what the terminal shows is not known (SIGCONT).
    Continued,
}

/// The terminal, taken.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    events: mpsc::Receiver<ScreenEvent>,
    ended: Arc<AtomicBool>,
}

impl Reporter {
    /// Whether a view can be drawn: both streams are a terminal that can move its cursor, and text is wanted.
    pub fn has_screen(&self) -> bool {
        self.format() == Format::Text
            && io::stdin().is_terminal()
            && terminal::stdout_is_terminal()
            && !terminal::Environment::read().is_dumb()
    }

    /// Whether that view may use colour.
    pub fn screen_color(&self) -> bool {
        self.state.settings.color != ColorChoice::Never && self.state.stdout_color
    }
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// It does not do what it is told.
    pub fn take() -> io::Result<Screen> {
        let (stop, continued) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        signal_hook::flag::register(SIGTSTP, Arc::clone(&stop))?;
        signal_hook::flag::register(SIGCONT, Arc::clone(&continued))?;
        enter()?;
        // From here on the value restores what was changed.
        let ended = Arc::new(AtomicBool::new(false));
        let (sender, events) = mpsc::channel(32);
        let screen = Screen {
            terminal: Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(
                16 * 1024,
                io::stdout(),
            )))
            .inspect_err(|_| restore_terminal())?,
            events,
            ended: Arc::clone(&ended),
        };
        // A thread of its own, because the terminal can only be waited for by blocking.
        std::thread::Builder::new()
            .name("keys".into())
            .stack_size(128 * 1024)
            .spawn(move || read_events(&sender, &ended, &stop, &continued))?;
        Ok(screen)
    }

    /// Draws a frame; only what changed since the last one is written.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame)) -> io::Result<()> {
        self.terminal.draw(picture).map(|_| ())
    }

    /// Forgets what the terminal shows, so that the next frame is written whole.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn redraw(&mut self) -> io::Result<()> {
        execute!(io::stdout(), Clear(ClearType::All))?;
        // What the last frame was compared with is forgotten. (`Terminal::clear` asks the terminal where its cursor
        // is, and the answer would come to the thread that reads keys.)
        self.terminal.swap_buffers();
        Ok(())
    }

    /// The next event; none when the terminal is gone.
    pub async fn event(&mut self) -> Option<ScreenEvent> {
        self.events.recv().await
    }

    /// Gives the terminal back and stops this process, as Ctrl+Z does; returns when it is continued.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn stop(&mut self) -> io::Result<()> {
        restore_terminal();
        raise(Signal::SIGSTOP).map_err(io::Error::from)?;
        self.resume()
    }

    /// Takes the terminal again after a stop: whoever had it may have changed everything.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn resume(&mut self) -> io::Result<()> {
        restore_terminal();
        enter()?;
        self.redraw()
    }

    /// The last line that was held back.
    pub fn last_line(&self) -> Option<String> {
        terminal::last_held_line()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        restore_terminal();
    }
}

fn enter() -> io::Result<()> {
    enable_raw_mode()?;
    TAKEN.store(true, Ordering::SeqCst);
    terminal::hold_stderr();
    execute!(io::stdout(), EnterAlternateScreen, Hide).inspect_err(|_| restore_terminal())
}

/// Gives the terminal back, if it is taken. Safe from any thread.
pub fn restore_terminal() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // A terminal that is gone needs nothing.
    let _ = execute!(io::stdout(), LeaveAlternateScreen, Show);
    let _ = io::stdout().flush();
    let _ = disable_raw_mode();
    terminal::release_stderr();
}

fn read_events(
    sender: &mpsc::Sender<ScreenEvent>,
    ended: &AtomicBool,
    stop: &AtomicBool,
    continued: &AtomicBool,
) {
    while !ended.load(Ordering::Relaxed) {
        if stop.swap(false, Ordering::Relaxed) && sender.blocking_send(ScreenEvent::Stop).is_err() {
            return;
        }
        if continued.swap(false, Ordering::Relaxed) && sender.blocking_send(ScreenEvent::Continued).is_err() {
            return;
        }
        let event = match event::poll(PULSE) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let event = match event {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => key_of(key).map(ScreenEvent::Key),
            Ok(Event::Resize(..)) => Some(ScreenEvent::Resize),
            Ok(_) => None,
            // The terminal is gone.
            Err(_) => return,
        };
        if let Some(event) = event
            && sender.blocking_send(event).is_err()
        {
            return;
        }
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        KeyCode::Char(letter) if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Ctrl(letter),
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Esc,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
