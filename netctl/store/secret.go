package store

import (
	"crypto/rand"
	"fmt"
)

// SecretSize is the length of a network's secret in bytes; keys of 256 bits are derived from it.
const SecretSize = 32

// NewSecret makes a new secret for the network and stores it, readable by us alone, in place of
// any there was. Only for the holder of the lock, and only while nothing runs on the old one.
func (d *Dir) NewSecret() ([]byte, error) {
	secret := make([]byte, SecretSize)
	rand.Read(secret) // never fails; it ends the program rather than return weak bytes
	if err := d.WriteAtomic(secretName, secret, fileMode); err != nil {
		return nil, err
	}
	return secret, nil
}

// Secret reads the network's secret. The error is [fs.ErrNotExist] when there is none, and an
// [*UnsafeError] when it is a link, another user's, or readable by others, who may know it then.
func (d *Dir) Secret() ([]byte, error) {
	f, err := d.openFile(secretName)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	path := d.file(secretName)
	info, err := f.Stat()
	if err != nil {
		return nil, &AccessError{Verb: "read", Path: path, Err: err}
	}
	if !isOurs(info) {
		return nil, &UnsafeError{path, false, info.Mode(), ErrOwner}
	}
	if info.Mode().Perm()&^fileMode != 0 {
		return nil, &UnsafeError{path, false, info.Mode(), ErrPermissions}
	}
	if info.Size() != SecretSize {
		return nil, fmt.Errorf("secret %s is damaged: %d bytes instead of %d", path, info.Size(), SecretSize)
	}
	return readAll(f, SecretSize, path)
}
