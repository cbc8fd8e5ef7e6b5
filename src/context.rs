//! What every command receives.
