package archive

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"

	"filippo.io/age"

	"whatsapp-manager/proto/fault"
)

const (
	// MinPassphrase is the least length of an export's passphrase: whoever gets
	// the file may try as many as they like.
	MinPassphrase = 12
	workFactor    = 18 // 2^18 × 1 KiB for one try
	maxWorkFactor = 20 // of a file that is read
)

// sealed encrypts and compresses what is written to it. The file is whole only
// when Close succeeded.
type sealed struct {
	age io.WriteCloser
	zip *gzip.Writer
}

func seal(out io.Writer, passphrase string, factor int) (*sealed, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(factor)
	s := &sealed{}
	if s.age, err = age.Encrypt(out, recipient); err != nil {
		return nil, err
	}
	s.zip, err = gzip.NewWriterLevel(s.age, flate.BestSpeed)
	return s, err
}

func (s *sealed) Write(p []byte) (int, error) { return s.zip.Write(p) }

// Close writes what is left; out stays open.
func (s *sealed) Close() error { return errors.Join(s.zip.Close(), s.age.Close()) }

// unsealed reads what seal wrote, and knows its own errors from Postgres'.
type unsealed struct{ in io.Reader }

func unseal(in io.Reader, passphrase string) (*unsealed, error) {
	const op = "archive.open"
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fault.Bad(op, "passphrase", "the passphrase is empty")
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	plain, err := age.Decrypt(in, identity)
	if _, ok := errors.AsType[*age.NoIdentityMatchError](err); ok {
		return nil, &fault.Error{
			Kind: fault.Invalid, Op: op, Field: "passphrase", Code: "wrong_passphrase",
			Msg: "the passphrase is not the one of this file, or the file is damaged in its first lines",
		}
	}
	if err != nil {
		return nil, notWhole(op, err)
	}
	unzipped, err := gzip.NewReader(plain)
	if err != nil {
		return nil, notWhole(op, err)
	}
	return &unsealed{in: unzipped}, nil
}

// Read returns errDamaged for whatever is wrong with the file; the libraries
// below have one error for each way in which it can be.
func (u *unsealed) Read(p []byte) (int, error) {
	n, err := u.in.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = damaged("%v", err)
	}
	return n, err
}

func notWhole(op string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Field: "file", Code: "damaged_file", Msg: "this is not an export of an instance, or it is damaged", Err: err}
}
