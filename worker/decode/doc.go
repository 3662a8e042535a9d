// Package decode reads images and sounds, and converts media, in a process of its own.
//
// Files of strangers are not decoded in the process that holds an account's keys. For
// every file, the worker's own program is started once more, with an argument and a cookie
// in its environment (Asked, Main). Such a job reads one small request and the file from its
// standard input, and writes the answer to its standard output. Before it reads the first
// byte of the file, it gives up files, the network, other processes and new processes
// (Landlock, seccomp), and sets limits of memory, processor time, descriptors and file
// size. The worker adds a limit of time, and counts the bytes of the answer. The job itself
// becomes ffmpeg, so that all limits hold for ffmpeg as well. A job that exceeds a limit
// ends, and the worker answers its caller.
//
// Pool is the worker's side: it says how many jobs run at a time, and how many wait. No
// other package of the worker imports decoders of images. The package must not know
// WhatsApp, messages, or where files come from.
package decode
