package wire

import (
	"crypto/ecdh"
	"encoding/hex"
	"fmt"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waCert"
	"go.mau.fi/whatsmeow/util/keys"
	"google.golang.org/protobuf/proto"
)

// Root is the key that clients must trust instead of WhatsApp's own. A client
// holds one root for its whole process, so simulators that one process talks
// to have to share it.
type Root struct {
	pair *keys.KeyPair
}

// NewRoot makes a root with a fresh random key.
func NewRoot() *Root {
	return &Root{pair: keys.NewKeyPair()}
}

// ParseRoot reads a root from the 64 hexadecimal digits of its private key, as
// [Root.PrivateHex] prints it.
func ParseRoot(privateHex string) (*Root, error) {
	raw, err := hex.DecodeString(privateHex)
	if err != nil {
		return nil, fmt.Errorf("parse root key: %w", err)
	}
	if _, err = ecdh.X25519().NewPrivateKey(raw); err != nil {
		return nil, fmt.Errorf("parse root key: %w", err)
	}
	return &Root{pair: keys.NewKeyPairFromPrivateKey([32]byte(raw))}, nil
}

// PublicHex is the root's public key in hexadecimal: what a client sets as its
// certificate root.
func (r *Root) PublicHex() string { return hex.EncodeToString(r.pair.Pub[:]) }

// Public is the root's 32-byte public key.
func (r *Root) Public() [32]byte { return *r.pair.Pub }

// PrivateHex is the root's private key in hexadecimal, for handing one root to
// several simulators.
func (r *Root) PrivateHex() string { return hex.EncodeToString(r.pair.Priv[:]) }

// chain issues the certificate chain that a server hello carries for the given
// Noise static key: root signs the intermediate, the intermediate signs the
// leaf, signatures are XEdDSA over the raw details.
func (r *Root) chain(static [32]byte, now time.Time) ([]byte, error) {
	intermediate := keys.NewKeyPair()
	notBefore := uint64(now.Add(-24 * time.Hour).Unix())
	notAfter := uint64(now.AddDate(10, 0, 0).Unix())

	intermediateDetails, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
		Serial:       proto.Uint32(1),
		IssuerSerial: proto.Uint32(0),
		Key:          intermediate.Pub[:],
		NotBefore:    &notBefore,
		NotAfter:     &notAfter,
	})
	if err != nil {
		return nil, fmt.Errorf("marshal intermediate certificate: %w", err)
	}
	leafDetails, err := proto.Marshal(&waCert.CertChain_NoiseCertificate_Details{
		Serial:       proto.Uint32(2),
		IssuerSerial: proto.Uint32(1),
		Key:          static[:],
		NotBefore:    &notBefore,
		NotAfter:     &notAfter,
	})
	if err != nil {
		return nil, fmt.Errorf("marshal leaf certificate: %w", err)
	}
	intermediateSignature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*r.pair.Priv), intermediateDetails)
	leafSignature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*intermediate.Priv), leafDetails)
	chain, err := proto.Marshal(&waCert.CertChain{
		Intermediate: &waCert.CertChain_NoiseCertificate{Details: intermediateDetails, Signature: intermediateSignature[:]},
		Leaf:         &waCert.CertChain_NoiseCertificate{Details: leafDetails, Signature: leafSignature[:]},
	})
	if err != nil {
		return nil, fmt.Errorf("marshal certificate chain: %w", err)
	}
	return chain, nil
}
