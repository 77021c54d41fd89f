//! What ended the byte stream under a session, and the session with it.

use embedded_io_async::ErrorKind;

use super::protocol::Alert;
use super::text::AlertHint;

crate::reasons! {
    /// What ended the byte stream, or the session on it.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum StreamError {
        /// The peer refused the connection.
        ConnectionRefused => "connection_refused", -0x0044, 0, "server refused the connection";
        /// No route to the peer.
        Unreachable => "unreachable", -0x0044, 0, "no route to the server: is it in another network, or this end in none?";
        /// The connection was reset.
        Reset => "reset", -0x0050, 0, "connection reset";
        /// The stream failed in another way.
        Transport => "transport", -0x004C, 0, "transport failed";
        /// The peer said nothing for this long.
        Timeout {
            /// Milliseconds waited.
            ms: u32,
        } => "timeout", -0x6800, 0, "no progress for {ms} ms";
        /// The handshake took longer than it may, though bytes came.
        HandshakeTimeout {
            /// Milliseconds that it may take.
            ms: u32,
        } => "timeout", -0x6800, 0, "handshake took more than {ms} ms";
        /// Closed from this side: by the user, or because the network interface went down.
        Closed => "closed", -0x7280, 0, "closed from this side";
        /// The peer closed the connection without close_notify.
        PeerEof => "peer_eof", -0x7280, 0, "server closed without close_notify";
        /// The peer closed the session in good order.
        PeerCloseNotify => "peer_closed", -0x7880, 0, "server closed the session";
        /// The peer sent a fatal alert.
        PeerAlert(
            /// Its number (RFC 8446 §6).
            number: u8
        ) => "peer_alert", -0x7780, 0, "server alert: {alert}{hint}",
            alert = Alert(number), hint = AlertHint(number);
        /// A write was given up half-way; going on could use a nonce twice.
        WriteAbandoned => "write_abandoned", -0x7280, 0, "a write was given up half-way";
        /// A read was given up inside a record; what follows cannot be parsed.
        ReadAbandoned => "read_abandoned", -0x7280, 0, "a read was given up inside a record";
        /// This connection has carried a session before.
        Dead => "dead", -0x7280, 0, "this connection has carried a session before";
    }
}

impl From<ErrorKind> for StreamError {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                Self::Reset
            }
            ErrorKind::ConnectionRefused => Self::ConnectionRefused,
            ErrorKind::NotConnected | ErrorKind::AddrNotAvailable => Self::Unreachable,
            ErrorKind::TimedOut => Self::Timeout { ms: 0 },
            _ => Self::Transport,
        }
    }
}
