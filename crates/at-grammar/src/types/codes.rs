//! Values that the wire numbers, and the names of transports.

use core::fmt;

use crate::args::{Field, Given};
use crate::error::FieldError;
use crate::sink::{Full, Sink, print, show};

macro_rules! coded {
    ($($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        pub enum $name {
            $($(#[$variant_doc])* $variant),*
        }

        impl $name {
            /// Every value, in the order of the numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number on the wire.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self {
                    $(Self::$variant => $code),*
                }
            }

            /// `None` for a number without meaning.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl<'a> Field<'a> for $name {
            fn read(given: Given<'a>) -> Result<Self, FieldError> {
                Self::from_code(u8::read(given)?).ok_or(FieldError::Range)
            }

            fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
                show(out, self.code())
            }
        }
    )* };
}

coded! {
    /// What `AT+RST=<mode>` starts.
    RestartMode {
        /// The firmware.
        Normal = 0,
        /// The boot loader, to be programmed.
        Download = 1,
    }

    /// Wi-Fi roles.
    WifiMode {
        /// Radio off.
        Off = 0,
        /// Station.
        Station = 1,
        /// Access point.
        SoftAp = 2,
        /// Both.
        StationAndSoftAp = 3,
    }

    /// How much the radio sleeps while it has nothing to do: `AT+SLEEP`.
    SleepMode {
        /// Not at all.
        Off = 0,
        /// Between the access point's beacons.
        ModemByBeacon = 1,
        /// The chip, too.
        Light = 2,
        /// For a listen interval.
        ModemByListenInterval = 3,
    }

    /// What a value of `AT+SYSMFG` is.
    MfgType {
        /// 8 bits.
        U8 = 1,
        /// 8 bits with sign.
        I8 = 2,
        /// 16 bits.
        U16 = 3,
        /// 16 bits with sign.
        I16 = 4,
        /// 32 bits.
        U32 = 5,
        /// 32 bits with sign.
        I32 = 6,
        /// Text.
        String = 7,
        /// Bytes.
        Binary = 8,
    }

    /// How our own access point is protected: `ecn` of `AT+CWSAP`.
    SoftApSecurity {
        /// Not at all.
        Open = 0,
        /// WPA-PSK.
        WpaPsk = 2,
        /// WPA2-PSK.
        Wpa2Psk = 3,
        /// WPA-PSK and WPA2-PSK.
        WpaWpa2Psk = 4,
    }

    /// Which 802.11 there is, each with those before it: `AT+CWSTAPROTO`, `AT+CWAPPROTO`.
    WifiProtocol {
        /// 802.11b.
        B = 1,
        /// 802.11b and g.
        Bg = 3,
        /// 802.11b, g and n.
        Bgn = 7,
    }

    /// Who says which country this is: `AT+CWCOUNTRY`.
    CountryPolicy {
        /// The access point, once there is one.
        FollowAp = 0,
        /// The host.
        Fixed = 1,
    }

    /// State of the station in `+CWSTATE`.
    StationState {
        /// No connection was started.
        Idle = 0,
        /// Associated, no IPv4 address yet.
        Associated = 1,
        /// Associated, with an IPv4 address.
        GotIp = 2,
        /// Connecting or reconnecting.
        Connecting = 3,
        /// Disconnected.
        Disconnected = 4,
    }

    /// State in the `STATUS:` line of `AT+CIPSTATUS`.
    StatusCode {
        /// The station is not initialised.
        NoStation = 0,
        /// Initialised, no connection started.
        Idle = 1,
        /// Connected to an access point, with an address.
        GotIp = 2,
        /// At least one link exists.
        Linked = 3,
        /// There were links, and all are closed.
        AllClosed = 4,
        /// A connection was started and is not there, or was lost.
        NotConnected = 5,
    }

    /// How `AT+CWJAP` looks for the network.
    ScanMode {
        /// The first match.
        Fast = 0,
        /// The strongest of all channels.
        AllChannels = 1,
    }

    /// How `AT+CWLAP` looks around.
    ScanType {
        /// Asks.
        Active = 0,
        /// Listens.
        Passive = 1,
    }

    /// Why `AT+CWJAP` failed: `+CWJAP:<code>`.
    JoinFailure {
        /// No answer or no address in time.
        Timeout = 1,
        /// The passphrase was refused.
        WrongPassword = 2,
        /// No such network.
        NotFound = 3,
        /// It failed in another way.
        Failed = 4,
    }

    /// How a network is protected: `ecn`.
    Encryption {
        /// Not at all.
        Open = 0,
        /// WEP.
        Wep = 1,
        /// WPA-PSK.
        WpaPsk = 2,
        /// WPA2-PSK.
        Wpa2Psk = 3,
        /// WPA-PSK and WPA2-PSK.
        WpaWpa2Psk = 4,
        /// WPA2-Enterprise.
        Wpa2Enterprise = 5,
        /// WPA3-PSK.
        Wpa3Psk = 6,
        /// WPA2-PSK and WPA3-PSK.
        Wpa2Wpa3Psk = 7,
        /// WAPI-PSK.
        WapiPsk = 8,
        /// Opportunistic encryption.
        Owe = 9,
        /// WPA3-Enterprise, 192 bits.
        Wpa3Enterprise192 = 10,
    }

    /// Cipher of a network.
    WifiCipher {
        /// None.
        None = 0,
        /// WEP, 40 bits.
        Wep40 = 1,
        /// WEP, 104 bits.
        Wep104 = 2,
        /// TKIP.
        Tkip = 3,
        /// CCMP.
        Ccmp = 4,
        /// TKIP and CCMP.
        TkipCcmp = 5,
        /// AES-CMAC-128.
        AesCmac128 = 6,
        /// One that has no number.
        Unknown = 7,
    }

    /// Which addresses `AT+CIPDOMAIN` looks for.
    IpPreference {
        /// IPv4 first.
        PreferV4 = 1,
        /// IPv4 only.
        V4Only = 2,
        /// IPv6 only.
        V6Only = 3,
    }

    /// What a UDP link does when another peer sends.
    UdpMode {
        /// The peer stays.
        Fixed = 0,
        /// The peer changes once, to the first other sender.
        ChangeOnce = 1,
        /// The peer becomes the last sender.
        Follow = 2,
    }

    /// Who opened a link.
    Terminal {
        /// We did.
        Client = 0,
        /// The peer did.
        Server = 1,
    }

    /// How received data reaches the host.
    ReceiveMode {
        /// Printed as it comes.
        Active = 0,
        /// Announced, and fetched by the host.
        Passive = 1,
    }

    /// How much a passive link says is waiting: `<data_len_report_mode>`.
    LengthReport {
        /// All that is buffered.
        Buffered = 0,
        /// The next datagram.
        NextDatagram = 1,
    }

    /// What `AT+CIPSEND` without length does: `AT+CIPMODE`.
    TransferMode {
        /// Nothing.
        Normal = 0,
        /// The port becomes the link.
        Passthrough = 1,
    }

    /// Where a server's clients come from: `<netif>`.
    NetInterface {
        /// Anywhere.
        Any = 0,
        /// The access point we are connected to.
        Station = 1,
        /// Our own access point.
        SoftAp = 2,
        /// The wire.
        Ethernet = 3,
    }

    /// What a TLS session proves, and what it checks: `<auth_mode>` of `AT+CIPSSLCCONF`.
    AuthMode {
        /// Nothing: any server is accepted.
        None = 0,
        /// Own certificate sent, any server accepted.
        SendCertificate = 1,
        /// The server is verified.
        VerifyServer = 2,
        /// Both.
        Mutual = 3,
    }

    /// How much `AT+CIPSTART` asks of a TLS server: `AT+SSLPOLICY`.
    PolicyMode {
        /// As ESP-AT: the name counts only where one is configured, and modes 0 and 1 check nothing.
        EspAt = 0,
        /// Every server proves who it is, and that it is the one that was asked for.
        Strict = 1,
    }

    /// A version of TLS: `AT+SSLVERSION`.
    TlsVersion {
        /// TLS 1.2.
        Tls12 = 12,
        /// TLS 1.3.
        Tls13 = 13,
    }

    /// Stop bits of the port.
    StopBits {
        /// 1.
        One = 1,
        /// 1.5.
        OneAndHalf = 2,
        /// 2.
        Two = 3,
    }

    /// Parity of the port.
    Parity {
        /// None.
        None = 0,
        /// Odd.
        Odd = 1,
        /// Even.
        Even = 2,
    }

    /// Hardware flow control of the port.
    FlowControl {
        /// None.
        None = 0,
        /// RTS.
        Rts = 1,
        /// CTS.
        Cts = 2,
        /// Both.
        RtsCts = 3,
    }
}

impl AuthMode {
    /// Whether the server's certificate is checked.
    #[must_use]
    pub const fn verifies_server(self) -> bool {
        matches!(self, Self::VerifyServer | Self::Mutual)
    }

    /// Whether our certificate is sent.
    #[must_use]
    pub const fn sends_certificate(self) -> bool {
        matches!(self, Self::SendCertificate | Self::Mutual)
    }
}

impl WifiMode {
    /// Whether there is a station.
    #[must_use]
    pub const fn has_station(self) -> bool {
        matches!(self, Self::Station | Self::StationAndSoftAp)
    }

    /// Whether there is an access point of ours.
    #[must_use]
    pub const fn has_soft_ap(self) -> bool {
        matches!(self, Self::SoftAp | Self::StationAndSoftAp)
    }
}

/// What runs over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Protocol {
    /// A byte stream.
    Tcp,
    /// Datagrams.
    Udp,
    /// TLS over TCP.
    Ssl,
}

/// Version of the Internet protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Type of a link: `TCP`, `TCPv6`, `UDP`, `UDPv6`, `SSL`, `SSLv6`. Read in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Transport {
    /// What runs over it.
    pub protocol: Protocol,
    /// Over which IP.
    pub family: Family,
}

impl Transport {
    /// All six.
    pub const ALL: [Self; 6] = [
        Self::new(Protocol::Tcp, Family::V4),
        Self::new(Protocol::Tcp, Family::V6),
        Self::new(Protocol::Udp, Family::V4),
        Self::new(Protocol::Udp, Family::V6),
        Self::new(Protocol::Ssl, Family::V4),
        Self::new(Protocol::Ssl, Family::V6),
    ];

    /// Both parts.
    #[must_use]
    pub const fn new(protocol: Protocol, family: Family) -> Self {
        Self { protocol, family }
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match (self.protocol, self.family) {
            (Protocol::Tcp, Family::V4) => "TCP",
            (Protocol::Tcp, Family::V6) => "TCPv6",
            (Protocol::Udp, Family::V4) => "UDP",
            (Protocol::Udp, Family::V6) => "UDPv6",
            (Protocol::Ssl, Family::V4) => "SSL",
            (Protocol::Ssl, Family::V6) => "SSLv6",
        }
    }
}

/// Type of a link that is a byte stream: all of [`Transport`] but UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct StreamTransport(Transport);

impl StreamTransport {
    /// TCP over IPv4.
    pub const TCP: Self = Self(Transport::new(Protocol::Tcp, Family::V4));

    /// `None` for UDP.
    #[must_use]
    pub const fn new(transport: Transport) -> Option<Self> {
        match transport.protocol {
            Protocol::Tcp | Protocol::Ssl => Some(Self(transport)),
            Protocol::Udp => None,
        }
    }

    /// As one of the six.
    #[must_use]
    pub const fn get(self) -> Transport {
        self.0
    }

    /// Whether TLS runs over it.
    #[must_use]
    pub const fn is_tls(self) -> bool {
        matches!(self.0.protocol, Protocol::Ssl)
    }
}

impl<'a> Field<'a> for StreamTransport {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        Self::new(Transport::read(given)?).ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        self.0.write(out)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'a> Field<'a> for Transport {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        let Given::Text(text) = given else {
            return Err(FieldError::Kind);
        };
        Self::ALL
            .into_iter()
            .find(|transport| text.eq_ignore_ascii_case(transport.as_str().as_bytes()))
            .ok_or(FieldError::Range)
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        print(out, format_args!("\"{self}\""))
    }
}
