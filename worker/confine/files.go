package confine

import (
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// Directories whose files a worker may read and execute: libraries, certificates, time
// zones, MIME types, ffmpeg where packages put it.
var directories = []string{
	"/bin", "/lib", "/lib32", "/lib64", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec",
	"/usr/local/bin", "/usr/local/lib", "/usr/local/lib64", "/nix/store", "/gnu/store",
	"/usr/share/ca-certificates", "/usr/share/pki", "/usr/local/share/ca-certificates", "/var/lib/ca-certificates",
	"/usr/share/zoneinfo", "/usr/share/mime", "/usr/share/ffmpeg", "/usr/share/locale",
	// Certificates of authorities, never the private keys beside them.
	"/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted", "/etc/ca-certificates",
	"/etc/crypto-policies",
	"/etc/ld.so.conf.d",
}

// Single files of /etc. The directory as a whole would show what other programs
// of this host keep there.
var single = []string{
	"/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols",
	"/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.preload",
	"/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls/cert.pem",
	"/etc/pki/tls/cacert.pem", "/etc/pki/tls/openssl.cnf", "/etc/gnutls/config",
}

var devices = []string{"/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}

// Directories in which a resolver's service replaces resolv.conf, and which hold only such
// files. A permission is for the file that is there when it is given, so a file that gets
// replaced needs a permission for its directory.
var resolverDirs = []string{"/run/systemd/resolve", "/run/resolvconf", "/run/connman", "/run/netconfig", "/mnt/wsl"}

const resolverFile = "/etc/resolv.conf"

func files(s Settings) []landlock.Rule {
	rules := []landlock.Rule{
		landlock.RWDirs(s.RunDir), landlock.RWFiles(devices...).IgnoreIfMissing(),
		landlock.RODirs(directories...).IgnoreIfMissing(),
		landlock.ROFiles(single...).IgnoreIfMissing(),
		landlock.RODirs(s.Dirs...).IgnoreIfMissing(),
		// This name works even when the program was replaced, or lies where the user may not look.
		landlock.ROFiles("/proc/self/exe").IgnoreIfMissing(),
	}
	if file, err := filepath.EvalSymlinks(resolverFile); err == nil {
		rules = append(rules, landlock.ROFiles(file).IgnoreIfMissing())
		for _, dir := range resolverDirs {
			if strings.HasPrefix(file, dir+"/") {
				rules = append(rules, landlock.RODirs(dir).IgnoreIfMissing())
			}
		}
	}
	if ffmpeg, err := exec.LookPath("ffmpeg"); err == nil {
		rules = append(rules, landlock.ROFiles(ffmpeg).IgnoreIfMissing())
	}
	return rules
}
