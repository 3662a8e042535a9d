// Package decode reads images and converts media in a process of its own.
//
// What a stranger sends is not decoded where an account's keys are. The worker's
// own program is started once more for every file, by another argument and a
// cookie (Asked, Main). Such a job reads one small request and the file from its
// standard input and writes the answer to its standard output. Before the first
// byte of the file is read it has given up files, the network, other processes
// and new processes (Landlock, seccomp), and has limits of memory, processor
// time, descriptors and file size; the worker adds a limit of time and counts
// what comes back. ffmpeg is executed by the same job, so that all of it holds
// for ffmpeg as well. A job that goes beyond a limit ends, and the worker
// answers its caller.
//
// Pool is the worker's side: how many jobs run at a time, and how many wait.
// No other package of the worker imports decoders of images.
package decode
