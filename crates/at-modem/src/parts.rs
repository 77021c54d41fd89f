//! What a board gives, and a [`Platform`] for a board that writes none.

use core::marker::PhantomData;

use at_grammar::Dialect;
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use rand_core::CryptoRngCore;
use tls_session::Timestamp;

use crate::answer::CustomCommands;
use crate::clock::{BUILT, WallClock};
use crate::net::{NetExtras, Network};
use crate::platform::{Board, Platform};
use crate::wifi::Wifi;

/// What `AT+GMR` prints about the build and the module.
#[derive(Debug, Clone, Copy)]
pub struct ProductInfo {
    /// `ESP32`, `ESP32-C3`, …: the chip whose layout and names are used.
    pub chip: &'static str,
    /// Name of the module, at most 32 bytes.
    pub module: &'static str,
    /// What drives the chip, with its version; at most 64 bytes.
    pub sdk: &'static str,
}

/// Everything outside that a modem works with.
pub struct Parts<'a, P: Platform> {
    /// Sockets and names.
    pub net: &'a P::Net,
    /// What edge-nal has no API for.
    pub extras: &'a P::Extras,
    /// The station.
    pub wifi: &'a P::Wifi,
    /// The whole flash chip.
    pub flash: P::Flash,
    /// A cryptographic source of randomness.
    pub rng: P::Rng,
    /// UART, memory, sleep.
    pub board: &'a P::Board,
    /// Commands of the user's own; `&()` for none.
    pub commands: &'a P::Commands,
    /// The wall clock; it may know the time already. `None` for one of the modem's own.
    pub clock: Option<&'a WallClock>,
    /// Names for `AT+GMR`.
    pub product: ProductInfo,
    /// Accept the names of 1.x firmware as well (`_CUR`, `_DEF`, `AT+CIPSSLSIZE`), and answer as it does:
    /// [`Reply::write_in`](at_grammar::Reply::write_in). Datagrams reach the host unasked whatever `AT+CIPRECVMODE` says.
    pub legacy: bool,
    /// No right clock shows an earlier time: [`BUILT`], or what the caller knows better.
    pub built: Timestamp,
}

/// The types of a board, taken from its parts: what [`Parts::new`] returns is made of it, so that a
/// board need not implement [`Platform`].
pub struct Assembled<N, W, F, R, X = (), B = (), C = ()>(PhantomData<(N, W, F, R, X, B, C)>);

impl<N, W, F, R, X, B, C> core::fmt::Debug for Assembled<N, W, F, R, X, B, C> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Assembled")
    }
}

impl<N, W, F, R, X, B, C> Platform for Assembled<N, W, F, R, X, B, C>
where
    N: Network,
    W: Wifi,
    F: MultiwriteNorFlash,
    R: CryptoRngCore + Clone,
    X: NetExtras<N>,
    B: Board,
    C: CustomCommands,
{
    type Net = N;
    type Extras = X;
    type Wifi = W;
    type Flash = F;
    type Rng = R;
    type Board = B;
    type Commands = C;
}

impl<'a, N, W, F, R> Parts<'a, Assembled<N, W, F, R>>
where
    N: Network,
    W: Wifi,
    F: MultiwriteNorFlash,
    R: CryptoRngCore + Clone,
{
    /// The parts that every board has. What it has beside them is added by the methods below.
    #[must_use]
    pub const fn new(net: &'a N, wifi: &'a W, flash: F, rng: R, product: ProductInfo) -> Self {
        Self {
            net,
            extras: &(),
            wifi,
            flash,
            rng,
            board: &(),
            commands: &(),
            clock: None,
            product,
            legacy: false,
            built: BUILT,
        }
    }
}

impl<'a, N, W, F, R, X, B, C> Parts<'a, Assembled<N, W, F, R, X, B, C>>
where
    N: Network,
    W: Wifi,
    F: MultiwriteNorFlash,
    R: CryptoRngCore + Clone,
    X: NetExtras<N>,
    B: Board,
    C: CustomCommands,
{
    /// With what edge-nal has no API for: ping, options, mDNS, name servers.
    #[must_use]
    pub fn with_extras<Y: NetExtras<N>>(
        self,
        extras: &'a Y,
    ) -> Parts<'a, Assembled<N, W, F, R, Y, B, C>> {
        Parts {
            net: self.net,
            extras,
            wifi: self.wifi,
            flash: self.flash,
            rng: self.rng,
            board: self.board,
            commands: self.commands,
            clock: self.clock,
            product: self.product,
            legacy: self.legacy,
            built: self.built,
        }
    }

    /// With a chip whose UART, memory or sleep commands can reach.
    #[must_use]
    pub fn with_board<Y: Board>(self, board: &'a Y) -> Parts<'a, Assembled<N, W, F, R, X, Y, C>> {
        Parts {
            net: self.net,
            extras: self.extras,
            wifi: self.wifi,
            flash: self.flash,
            rng: self.rng,
            board,
            commands: self.commands,
            clock: self.clock,
            product: self.product,
            legacy: self.legacy,
            built: self.built,
        }
    }

    /// With commands of the user's own.
    #[must_use]
    pub fn with_commands<Y: CustomCommands>(
        self,
        commands: &'a Y,
    ) -> Parts<'a, Assembled<N, W, F, R, X, B, Y>> {
        Parts {
            net: self.net,
            extras: self.extras,
            wifi: self.wifi,
            flash: self.flash,
            rng: self.rng,
            board: self.board,
            commands,
            clock: self.clock,
            product: self.product,
            legacy: self.legacy,
            built: self.built,
        }
    }
}

impl<'a, P: Platform> Parts<'a, P> {
    /// With a wall clock of the caller's, which may know the time already.
    #[must_use]
    pub fn with_clock(mut self, clock: &'a WallClock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// With the names and answers that hosts of this dialect know.
    #[must_use]
    pub fn with_dialect(mut self, dialect: Dialect) -> Self {
        self.legacy = dialect == Dialect::Legacy;
        self
    }

    /// With a time before which no right clock is; [`BUILT`] if it is not given.
    #[must_use]
    pub fn with_earliest(mut self, earliest: Timestamp) -> Self {
        self.built = earliest;
        self
    }
}

impl<P: Platform> core::fmt::Debug for Parts<'_, P> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}
