//! at-grammar: see README.
#![no_std]
