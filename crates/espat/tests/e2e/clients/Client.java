import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedKeyManager;

/**
 * Connects to a server of the modem, sends a line, prints the answer, and waits for the end.
 *
 * Arguments: port, CA, version as {@code TLSv1.2}; and where there is a certificate, its file and that of its key.
 */
final class Client {
    public static void main(String[] args) throws Exception {
        int port = Integer.parseInt(args[0]);
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", certificate(args[1]));
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(trusted);
        KeyManager[] own = args.length < 5 ? null : new KeyManager[] {new Own(certificate(args[3]), key(args[4]))};
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own, trust.getTrustManagers(), null);

        Socket plain = new Socket("127.0.0.1", port);
        try (SSLSocket session =
                (SSLSocket) context.getSocketFactory().createSocket(plain, "broker.local", port, true)) {
            SSLParameters parameters = session.getSSLParameters();
            parameters.setProtocols(new String[] {args[2]});
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            session.setSSLParameters(parameters);
            session.getOutputStream().write("hello\n".getBytes("US-ASCII"));
            BufferedReader in = new BufferedReader(new InputStreamReader(session.getInputStream(), "US-ASCII"));
            System.out.println(in.readLine());
            if (in.read() >= 0) {
                throw new Exception("no end");
            }
        }
    }

    private static X509Certificate certificate(String file) throws Exception {
        try (FileInputStream in = new FileInputStream(file)) {
            return (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
    }

    private static PrivateKey key(String file) throws Exception {
        String text = Files.readString(Path.of(file)).replaceAll("-----[A-Z ]+-----", "");
        byte[] der = Base64.getMimeDecoder().decode(text);
        return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(der));
    }

    /** Shows its certificate whatever CAs the server names: Java's own managers would show none to most servers here. */
    private static final class Own extends X509ExtendedKeyManager {
        private final X509Certificate certificate;
        private final PrivateKey key;

        Own(X509Certificate certificate, PrivateKey key) {
            this.certificate = certificate;
            this.key = key;
        }

        @Override
        public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
            return "own";
        }

        @Override
        public X509Certificate[] getCertificateChain(String alias) {
            return new X509Certificate[] {certificate};
        }

        @Override
        public PrivateKey getPrivateKey(String alias) {
            return key;
        }

        @Override
        public String[] getClientAliases(String type, Principal[] issuers) {
            return new String[] {"own"};
        }

        @Override
        public String[] getServerAliases(String type, Principal[] issuers) {
            return null;
        }

        @Override
        public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
            return null;
        }
    }
}
