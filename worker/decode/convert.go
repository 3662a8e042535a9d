package decode

// conversions are ffmpeg's arguments. With them ffmpeg reads and writes pipes and nothing
// else, runs on one thread, and refuses frames above 4K before it decodes them.
var conversions = map[operation][]string{
	opVoice: conversion("-vn", "-ac", "1", "-ar", "48000", "-c:a", "libopus", "-b:a", "32k", "-threads", "1", "-f", "ogg", "pipe:1"),
	opClip: conversion("-an", "-t", "6",
		"-vf",
		"fps=10,scale=512:512:force_original_aspect_ratio=decrease,pad=512:512:(ow-iw)/2:(oh-ih)/2:color=#00000000",
		"-threads", "1", "-loop", "0", "-f", "webp", "pipe:1"),
}

func conversion(output ...string) []string {
	return append([]string{
		"-hide_banner", "-loglevel", "error", "-nostdin", "-max_alloc", maxVideoAlloc, "-filter_threads", "1",
		"-protocol_whitelist", "pipe", "-threads", "1", "-max_pixels", maxVideoPixels, "-i", "pipe:0",
	}, output...)
}
