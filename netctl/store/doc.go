// Package store keeps the state of networks: a folder for each, below one root.
//
//	$XDG_STATE_HOME/gossipctl/   0700, ours, no symbolic link     DefaultRoot
//	    lab/                     the same                         Open, Networks, Dir.Remove
//	        lock                 flock, held while things change  Dir.Lock
//	        state.json           what runs; its rename commits    ReadState, WriteState
//	        state.json.bad       a copy of one that was damaged
//	        secret               32 random bytes, 0600            Dir.NewSecret, Dir.Secret
//	        logs/ …              whatever the caller keeps        Dir.Subfolder
//
// Three rules hold throughout. What is on disk is never trusted: names stay inside their folder
// (all access goes through [os.Root]), links are not followed, and state that does not read back
// whole is an error, never "nothing is there". A file is replaced whole or not at all, and a
// failed write leaves nothing behind. And whoever changes a network holds its lock; reading needs
// none, because of the rule before.
package store
