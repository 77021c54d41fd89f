//! One message of each kind with its bytes.

use super::*;

#[expect(clippy::too_many_lines, reason = "a table of cases")]
pub(crate) fn messages() -> Vec<(Reply<'static>, &'static str)> {
    let remote = Remote {
        ip: PEER,
        port: 49469,
    };
    let mut rows = vec![
        (Reply::Ok, "\r\nOK\r\n"),
        (Reply::Error, "\r\nERROR\r\n"),
        (Reply::Prompt, "\r\n>"),
        (Reply::SendOk, "\r\nSEND OK\r\n"),
        (Reply::SendFail, "\r\nSEND FAIL\r\n"),
        (Reply::SendCanceled, "\r\nSEND Canceled\r\n"),
        (Reply::SendlCancelled, "\r\nSEND CANCELLED\r\n"),
        (
            Reply::ErrCode(ErrorWord::UNSUPPORTED),
            "ERR CODE:0x01090000\r\n",
        ),
        (
            Reply::ErrCode(ErrorWord::execution_failed(0)),
            "ERR CODE:0x010a0000\r\n",
        ),
        (Reply::Errno(-0x2700), "+ERRNO:-9984\r\n"),
        (Reply::Errno(113), "+ERRNO:113\r\n"),
        (Reply::Busy, "\r\nbusy p...\r\n"),
        (Reply::Ready, "\r\nready\r\n"),
        (Reply::Recv(4), "\r\nRecv 4 bytes\r\n"),
        (Reply::Wifi(WifiEvent::Connected), "WIFI CONNECTED\r\n"),
        (Reply::Wifi(WifiEvent::GotIp), "WIFI GOT IP\r\n"),
        (Reply::Wifi(WifiEvent::GotIp6Local), "WIFI GOT IPv6 LL\r\n"),
        (Reply::Wifi(WifiEvent::GotIp6Global), "WIFI GOT IPv6 GL\r\n"),
        (Reply::Wifi(WifiEvent::Disconnect), "WIFI DISCONNECT\r\n"),
        (Reply::Connect(None), "CONNECT\r\n"),
        (Reply::Connect(Some(link(0))), "0,CONNECT\r\n"),
        (Reply::Closed(None), "CLOSED\r\n"),
        (Reply::Closed(Some(link(4))), "4,CLOSED\r\n"),
        (
            Reply::LinkConn(LinkConn {
                established: true,
                link: link(0),
                transport: Transport::new(Protocol::Tcp, Family::V4),
                terminal: Terminal::Server,
                remote,
                local_port: 80,
            }),
            "+LINK_CONN:0,0,\"TCP\",1,\"192.168.4.2\",49469,80\r\n",
        ),
        (Reply::IpdWaiting { link: None, len: 4 }, "\r\n+IPD,4\r\n"),
        (
            Reply::IpdWaiting {
                link: Some(link(0)),
                len: 1369,
            },
            "\r\n+IPD,0,1369\r\n",
        ),
        (Reply::TimeUpdated, "+TIME_UPDATED\r\n"),
        (Reply::NotFound(PkiItem::Ca), "NO CA FOUND\r\n"),
        (Reply::NotFound(PkiItem::Certificate), "NO CERT FOUND\r\n"),
        (
            Reply::NotFound(PkiItem::PrivateKey),
            "NO PRVT_KEY FOUND\r\n",
        ),
        (Reply::AlreadyConnected, "ALREADY CONNECTED\r\n"),
        (Reply::Unlink, "UNLINK\r\n"),
        (Reply::NoAp, "No AP\r\n"),
        (Reply::Status(StatusCode::GotIp), "STATUS:2\r\n"),
        (Reply::Quit, "\r\n+QUITT\r\n"),
        (
            Reply::Version(VersionLine::At(AtStr::from(
                "2.4.2.0(ca41ec4 - ESP32 - Sep 16 2020 11:28:17)",
            ))),
            "AT version:2.4.2.0(ca41ec4 - ESP32 - Sep 16 2020 11:28:17)\r\n",
        ),
        (
            Reply::Version(VersionLine::Sdk(AtStr::from("v4.0.1-193-ge7ac221b4"))),
            "SDK version:v4.0.1-193-ge7ac221b4\r\n",
        ),
        (
            Reply::Version(VersionLine::CompileTime(AtStr::from(
                "(98b95fc):Oct 29 2020 11:23:25",
            ))),
            "compile time(98b95fc):Oct 29 2020 11:23:25\r\n",
        ),
        (
            Reply::Version(VersionLine::Bin(AtStr::from("2.1.0(MINI-1)"))),
            "Bin version:2.1.0(MINI-1)\r\n",
        ),
    ];
    rows.extend(super::settings::others());
    rows.extend(
        info_lines()
            .into_iter()
            .map(|(info, text)| (Reply::Info(info), text)),
    );
    rows
}

pub(crate) fn info_lines() -> Vec<(Info<'static>, &'static str)> {
    let mut lines = documented_lines();
    lines.extend(super::links::lines());
    lines.extend(super::settings::lines());
    lines.extend(super::trust::lines());
    lines
}

#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn documented_lines() -> Vec<(Info<'static>, &'static str)> {
    let host = |name| HostName::new(name).unwrap();
    vec![
        (
            Info::Cmd(CommandEntry {
                index: 3,
                name: AtStr::from("AT+RST"),
                test: false,
                forms: Forms {
                    query: false,
                    set: false,
                    execute: true,
                },
            }),
            "+CMD:3,\"AT+RST\",0,0,0,1\r\n",
        ),
        (
            Info::Systimestamp(Bounded::new(1_565_853_509).unwrap()),
            "+SYSTIMESTAMP:1565853509\r\n",
        ),
        (
            Info::Sysflash(PartitionLine {
                name: AtStr::from("client_cert"),
                kind: 64,
                subtype: 5,
                address: 0x2a000,
                size: 0x2000,
            }),
            "+SYSFLASH:\"client_cert\",64,5,0x2a000,0x2000\r\n",
        ),
        (
            Info::Sysflash(PartitionLine {
                name: AtStr::from("fatfs"),
                kind: 1,
                subtype: 129,
                address: 0x70000,
                size: 0x90000,
            }),
            "+SYSFLASH:\"fatfs\",1,129,0x70000,0x90000\r\n",
        ),
        (Info::Sysmsg(SysMsg::new(3).unwrap()), "+SYSMSG:3\r\n"),
        (Info::Syslog(true), "+SYSLOG:1\r\n"),
        (Info::Sysstore(false), "+SYSSTORE:0\r\n"),
        (Info::Cwmode(WifiMode::Station), "+CWMODE:1\r\n"),
        (
            Info::Cwstate(StationLine {
                state: StationState::GotIp,
                ssid: AtStr::from("a\",\"b"),
            }),
            "+CWSTATE:2,\"a\",\"b\"\r\n",
        ),
        (
            Info::Cwstate(StationLine {
                state: StationState::Idle,
                ssid: AtStr::from(""),
            }),
            "+CWSTATE:0,\"\"\r\n",
        ),
        (
            Info::Cwjap(JoinLine::Failed(JoinFailure::NotFound)),
            "+CWJAP:3\r\n",
        ),
        (
            Info::Cwjap(JoinLine::Joined(Joined {
                ssid: AtStr::from("i\"o,t"),
                bssid: BSSID,
                channel: 11,
                rssi: -42,
                threshold: Bounded::MIN,
                reconnect: ReconnectInterval::new(1).unwrap(),
                listen: ListenInterval::new(3).unwrap(),
                scan_mode: ScanMode::Fast,
                pmf: Pmf::DEFAULT,
            })),
            "+CWJAP:\"i\"o,t\",\"ca:d7:19:d8:a6:44\",11,-42,0,1,3,0,1\r\n",
        ),
        (
            Info::Cwlap(scan_line()),
            "+CWLAP:(3,\"a\",\"b\",-60,\"ca:d7:19:d8:a6:44\",6,-1,-1,4,4,7,1)\r\n",
        ),
        (Info::Cwautoconn(true), "+CWAUTOCONN:1\r\n"),
        (
            Info::Cifsr(AddressLine::StaIp(Ipv4Addr::UNSPECIFIED)),
            "+CIFSR:STAIP,\"0.0.0.0\"\r\n",
        ),
        (
            Info::Cifsr(AddressLine::StaMac(BSSID)),
            "+CIFSR:STAMAC,\"ca:d7:19:d8:a6:44\"\r\n",
        ),
        (
            Info::Cifsr(AddressLine::StaIp6Local("fe80::1".parse().unwrap())),
            "+CIFSR:STAIP6LL,\"fe80::1\"\r\n",
        ),
        (
            Info::Cipsta(StationAddress::Ip(Ipv4Addr::new(192, 168, 3, 112))),
            "+CIPSTA:ip:\"192.168.3.112\"\r\n",
        ),
        (
            Info::Cipsta(StationAddress::Gateway(Ipv4Addr::new(192, 168, 3, 1))),
            "+CIPSTA:gateway:\"192.168.3.1\"\r\n",
        ),
        (
            Info::Cipsta(StationAddress::Netmask(Ipv4Addr::new(255, 255, 255, 0))),
            "+CIPSTA:netmask:\"255.255.255.0\"\r\n",
        ),
        (Info::Cipdomain(PEER), "+CIPDOMAIN:\"192.168.4.2\"\r\n"),
        (
            Info::Cipstatus(link_line()),
            "+CIPSTATUS:0,\"SSL\",\"192.168.4.2\",8739,50000,0\r\n",
        ),
        (
            Info::Cipstate(link_line()),
            "+CIPSTATE:0,\"SSL\",\"192.168.4.2\",8739,50000,0\r\n",
        ),
        (Info::Cipdinfo(DataInfo::On), "+CIPDINFO:true\r\n"),
        (Info::Cipdinfo(DataInfo::Off), "+CIPDINFO:false\r\n"),
        (Info::Cipmux(Mux::Multiple), "+CIPMUX:1\r\n"),
        (
            Info::Ciprecvmode(ReceiveMode::Passive),
            "+CIPRECVMODE:1\r\n",
        ),
        (
            Info::Cipsslcconf(SslConfigLine {
                link: link(4),
                auth: AuthMode::VerifyServer,
                pki: 0,
                ca: 1,
            }),
            "+CIPSSLCCONF:4,2,0,1\r\n",
        ),
        (
            Info::Cipsslccn(ServerNameLine {
                link: link(0),
                name: ServerName::new("example.com").unwrap(),
            }),
            "+CIPSSLCCN:0,\"example.com\"\r\n",
        ),
        (
            Info::Cipsslcsni(ServerNameLine {
                link: link(1),
                name: ServerName::new("").unwrap(),
            }),
            "+CIPSSLCSNI:1,\"\"\r\n",
        ),
        (
            Info::Cipsslcalpn(AlpnLine {
                link: link(0),
                protocols: AlpnList::new(
                    ["h2", "http/1.1"].map(|name| AlpnName::new(name).unwrap()),
                )
                .unwrap(),
            }),
            "+CIPSSLCALPN:0,\"h2\",\"http/1.1\"\r\n",
        ),
        (
            Info::Cipsslcalpn(AlpnLine {
                link: link(1),
                protocols: AlpnList::EMPTY,
            }),
            "+CIPSSLCALPN:1\r\n",
        ),
        (
            Info::Cipsntpcfg(SntpLine {
                enable: true,
                hours: Some(8),
                servers: [
                    Some(host("cn.ntp.org.cn")),
                    Some(host("ntp.sjtu.edu.cn")),
                    None,
                ],
            }),
            "+CIPSNTPCFG:1,8,\"cn.ntp.org.cn\",\"ntp.sjtu.edu.cn\"\r\n",
        ),
        (
            Info::Cipsntpintv(Bounded::new(3600).unwrap()),
            "+CIPSNTPINTV:3600\r\n",
        ),
        (Info::UartCur(uart()), "+UART_CUR:115200,8,1,0,3\r\n"),
        (Info::UartDef(uart()), "+UART_DEF:115200,8,1,0,3\r\n"),
        (
            Info::Sslwhy(SslWhy {
                link: Some(link(0)),
                stage: AtStr::from("certificate"),
                number: -0x2700,
                flags: 8,
                depth: 1,
                subject: AtStr::from("CN=leaf, O='x'"),
                wanted: AtStr::from("CN=root"),
                text: AtStr::from("no trusted issuer"),
                code: AtStr::from("issuer_unknown"),
            }),
            "+SSLWHY:0,\"certificate\",-0x2700,0x00000008,1,\"CN=leaf, O='x'\",\"CN=root\",\"no trusted issuer\",\"issuer_unknown\"\r\n",
        ),
    ]
}

pub(crate) fn scan_line() -> ScanLine<'static> {
    ScanLine {
        columns: ScanColumns::ALL,
        encryption: Encryption::Wpa2Psk,
        ssid: AtStr::from("a\",\"b"),
        rssi: -60,
        bssid: BSSID,
        channel: 6,
        freq_offset: -1,
        freqcal: -1,
        pairwise: WifiCipher::Ccmp,
        group: WifiCipher::Ccmp,
        bgn: 7,
        wps: true,
    }
}

pub(crate) fn link_line() -> LinkLine {
    LinkLine {
        link: link(0),
        transport: Transport::new(Protocol::Ssl, Family::V4),
        remote_ip: PEER,
        remote_port: 8739,
        local_port: 50000,
        terminal: Terminal::Client,
    }
}

pub(crate) fn uart() -> UartConfig {
    UartConfig {
        baud: Baud::new(115_200).unwrap(),
        data_bits: Bounded::new(8).unwrap(),
        stop_bits: StopBits::One,
        parity: Parity::None,
        flow_control: FlowControl::RtsCts,
    }
}
