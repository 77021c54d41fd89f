//! at-modem: see README.
#![no_std]
