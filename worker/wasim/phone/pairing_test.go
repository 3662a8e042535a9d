package phone

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/util/hkdfutil"
	"go.mau.fi/whatsmeow/util/keys"
	"golang.org/x/crypto/curve25519"
	"golang.org/x/crypto/pbkdf2"
	"google.golang.org/protobuf/proto"
)

// acceptPairSuccess does what a client does with the container of pair-success: check it, sign
// it, and return the bytes of pair-device-sign.
func acceptPairSuccess(t *testing.T, container, advSecret []byte, own *keys.KeyPair) (signed, accountKey []byte, details *waAdv.ADVDeviceIdentity) {
	t.Helper()
	var outer waAdv.ADVSignedDeviceIdentityHMAC
	if err := proto.Unmarshal(container, &outer); err != nil {
		t.Fatal(err)
	}
	h := hmac.New(sha256.New, advSecret)
	h.Write(outer.Details)
	if !hmac.Equal(h.Sum(nil), outer.HMAC) {
		t.Fatal("client would answer hmac-mismatch")
	}
	var identity waAdv.ADVSignedDeviceIdentity
	if err := proto.Unmarshal(outer.Details, &identity); err != nil {
		t.Fatal(err)
	}
	accountKey = identity.AccountSignatureKey
	message := bytes.Join([][]byte{{6, 0}, identity.Details, own.Pub[:]}, nil)
	if !ecc.VerifySignature(ecc.NewDjbECPublicKey([32]byte(accountKey)), message, [64]byte(identity.AccountSignature)) {
		t.Fatal("client would answer signature-mismatch")
	}
	details = &waAdv.ADVDeviceIdentity{}
	if err := proto.Unmarshal(identity.Details, details); err != nil {
		t.Fatal(err)
	}
	signature := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*own.Priv), bytes.Join([][]byte{{6, 1}, identity.Details, own.Pub[:], accountKey}, nil))
	identity.DeviceSignature, identity.AccountSignatureKey = signature[:], nil
	signed, err := proto.Marshal(&identity)
	if err != nil {
		t.Fatal(err)
	}
	return signed, accountKey, details
}

func TestPairByQR(t *testing.T) {
	p := newRouter().phone(t, 1, "Alice", History{})
	noise, own, secret := keys.NewKeyPair(), keys.NewKeyPair(), bytes.Repeat([]byte{7}, 32)
	b64 := base64.StdEncoding.EncodeToString
	fields := fmt.Sprintf("2@ref,%s,%s,%s", b64(noise.Pub[:]), b64(own.Pub[:]), b64(secret))
	for _, text := range []string{fields, "https://wa.me/settings/linked_devices#" + fields + ",1"} {
		qr, err := p.ScanQR(text)
		if err != nil || qr.Ref != "2@ref" || !bytes.Equal(qr.NoisePub, noise.Pub[:]) ||
			!bytes.Equal(qr.IdentityPub, own.Pub[:]) || !bytes.Equal(qr.AdvSecret, secret) {
			t.Fatalf("%q: %+v, %v", text, qr, err)
		}
	}
	container, err := p.Sign(secret, own.Pub[:], 3)
	if err != nil {
		t.Fatal(err)
	}
	signed, accountKey, details := acceptPairSuccess(t, container, secret, own)
	bundle, err := p.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	if key := bundle.IdentityKey().PublicKey().PublicKey(); !bytes.Equal(accountKey, key[:]) {
		t.Fatal("bundle has another identity than the account")
	}
	if details.GetKeyIndex() != 3 || details.GetRawID() == 0 || details.GetRawID()>>31 != 0 {
		t.Fatalf("details are %v", details)
	}
	if err := p.VerifyDeviceSignature(own.Pub[:], signed); err != nil {
		t.Fatal(err)
	}
	if err := p.VerifyDeviceSignature(noise.Pub[:], signed); !errors.Is(err, ErrDeviceSignature) {
		t.Fatalf("signature of another key: %v", err)
	}
}

func TestQRTextsThatAreNone(t *testing.T) {
	p := newRouter().phone(t, 1, "Alice", History{})
	for _, text := range []string{"", "hello", "a,b,c,d", "https://example.org/#a,b,c,d,1", "2@r,AAAA,AAAA,AAAA"} {
		t.Run(text, func(t *testing.T) {
			if _, err := p.ScanQR(text); !errors.Is(err, ErrQR) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestKeyIndexListIsSigned(t *testing.T) {
	r := newRouter()
	p := r.phone(t, 1, "Alice", History{})
	r.link(p, 4)
	var signed waAdv.ADVSignedKeyIndexList
	if err := proto.Unmarshal(p.KeyIndexList(), &signed); err != nil {
		t.Fatal(err)
	}
	bundle, _ := p.Bundle()
	if !ecc.VerifySignature(bundle.IdentityKey().PublicKey(), append([]byte{6, 2}, signed.Details...), [64]byte(signed.AccountSignature)) {
		t.Fatal("signature does not verify")
	}
	var list waAdv.ADVKeyIndexList
	if err := proto.Unmarshal(signed.Details, &list); err != nil || list.GetCurrentIndex() != 4 ||
		fmt.Sprint(list.GetValidIndexes()) != "[0 4]" {
		t.Fatalf("list is %v, %v", &list, err)
	}
}

// wrap is the client's side of the code's encryption, written after the protocol description.
func wrap(code string, salt, iv, key []byte) []byte {
	block, _ := aes.NewCipher(pbkdf2.Key([]byte(code), salt, 131072, 32, sha256.New))
	out := make([]byte, 32)
	cipher.NewCTR(block, iv).XORKeyStream(out, key)
	return out
}

func TestPairByCode(t *testing.T) {
	for _, test := range []struct {
		typed string
		err   error
	}{{"ABCD-EFGH", nil}, {"abcdefgh", nil}, {"ABCD-EFGJ", ErrLinkCode}} {
		t.Run(test.typed, func(t *testing.T) {
			t.Parallel()
			p := newRouter().phone(t, 1, "Alice", History{})
			const code = "ABCDEFGH"
			ephemeral, own := keys.NewKeyPair(), keys.NewKeyPair()
			wrapped := make([]byte, 80)
			rand.Read(wrapped[:48])
			copy(wrapped[48:], wrap(code, wrapped[:32], wrapped[32:48], ephemeral.Pub[:]))

			hello, err := p.StartLink(wrapped, test.typed)
			if err != nil {
				t.Fatal(err)
			}
			w := hello.WrappedEphemeral
			primaryPub := wrap(code, w[:32], w[32:48], w[48:])
			shared, err := curve25519.X25519(ephemeral.Priv[:], primaryPub)
			if err != nil {
				t.Fatal(err)
			}
			random := make([]byte, 32+32+12)
			rand.Read(random)
			secret, salt, nonce := random[:32], random[32:64], random[64:]
			block, _ := aes.NewCipher(hkdfutil.SHA256(shared, salt, []byte("link_code_pairing_key_bundle_encryption_key"), 32))
			gcm, _ := cipher.NewGCM(block)
			plain := bytes.Join([][]byte{own.Pub[:], hello.IdentityPub, secret}, nil)
			bundle := bytes.Join([][]byte{salt, nonce, gcm.Seal(nil, nonce, plain, nil)}, nil)
			identityShared, _ := curve25519.X25519(own.Priv[:], hello.IdentityPub)
			want := hkdfutil.SHA256(bytes.Join([][]byte{shared, identityShared, secret}, nil), nil, []byte("adv_secret"), 32)

			got, err := p.FinishLink(bundle, own.Pub[:])
			if !errors.Is(err, test.err) {
				t.Fatalf("got %v", err)
			}
			if err == nil && !bytes.Equal(got, want) {
				t.Fatal("adv secrets differ")
			}
		})
	}
	p := newRouter().phone(t, 1, "Alice", History{})
	if _, err := p.FinishLink(make([]byte, 156), make([]byte, 32)); !errors.Is(err, ErrNoLink) {
		t.Fatalf("got %v", err)
	}
}
