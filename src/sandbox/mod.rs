//! A private throwaway server: found, started, filled and removed.
pub mod demo;
