//! The network stack: any edge-nal stack, and what edge-nal has no API for.
//!
//! ```text
//! Network   TcpConnect + TcpBind + UdpBind + Dns   implemented for every such stack
//! NetExtras ping, ports, options, mDNS, name servers   every method has a default; `()` has them all
//! ```

use core::net::IpAddr;

use at_grammar::commands::mdns::Service;
use edge_nal::{Dns, TcpBind, TcpConnect, UdpBind};

use crate::unsupported::Unsupported;

/// Sockets and names. Nobody implements this by hand: any edge-nal stack is one.
///
/// It must allow five TCP connections at once, one more that a server refuses, a listener, and a UDP
/// socket for each link and for SNTP. Where it allows fewer, the command that needs one answers
/// `ERROR`.
pub trait Network: TcpConnect + TcpBind + UdpBind + Dns {}

impl<N: TcpConnect + TcpBind + UdpBind + Dns> Network for N {}

/// Options of a TCP connection (spec: at-commands B.4, CIPTCPOPT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TcpOptions {
    /// Seconds that closing waits for unsent data; `None` does not wait and does not reset.
    pub linger: Option<u16>,
    /// Send small segments at once.
    pub no_delay: bool,
    /// Seconds of silence before the peer is probed, every second, three times; 0 for never.
    pub keep_alive: u16,
}

/// Why an echo request got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PingError {
    /// This stack sends no echo requests.
    Unsupported,
    /// It could not be sent, or came back undeliverable.
    Failed,
}

impl core::fmt::Display for PingError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Unsupported => "this network stack sends no echo requests",
            Self::Failed => "no echo reply",
        })
    }
}

impl core::error::Error for PingError {}

/// What edge-nal has no API for. Every method has a default, so `()` fits any stack; a command that
/// needs more than the default answers `ERROR`.
pub trait NetExtras<N: Network> {
    /// Sends one ICMP echo request and waits for its reply, for as long as the caller waits.
    ///
    /// # Errors
    ///
    /// The request could not be sent, or came back undeliverable.
    async fn ping(&self, _net: &N, _to: IpAddr) -> Result<(), PingError> {
        Err(PingError::Unsupported)
    }

    /// The local port of a connection that we opened; `AT+CIPSTATUS` shows 0 where it is not known.
    fn local_port(&self, _socket: &<N as TcpConnect>::Socket<'_>) -> Option<u16> {
        None
    }

    /// Sets the options of a connection that we opened. A stack that lacks one leaves it out.
    fn set_options(&self, _socket: &<N as TcpConnect>::Socket<'_>, _options: TcpOptions) {}

    /// What mDNS answers from now on: `AT+MDNS`. `None` stops it.
    ///
    /// # Errors
    ///
    /// This stack answers no mDNS queries.
    fn set_mdns(&self, _net: &N, _service: Option<&Service<'_>>) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Name servers to ask from now on; empty for those that DHCP named.
    ///
    /// # Errors
    ///
    /// This stack chooses its name servers itself.
    fn set_dns_servers(&self, _net: &N, _servers: &[IpAddr]) -> Result<(), Unsupported> {
        Err(Unsupported)
    }
}

impl<N: Network> NetExtras<N> for () {}

#[cfg(test)]
mod tests {
    use super::*;

    const fn fits<N: Network, X: NetExtras<N>>() {}

    /// A claim for the compiler: no forwarding trait is needed between edge-nal and the modem.
    #[test]
    fn the_stack_of_a_pc_fits_as_it_is() {
        fits::<edge_nal_std::Stack, ()>();
        fits::<&edge_nal_std::Stack, ()>();
    }
}
