package decode

import "time"

const (
	// maxInput bounds a file that goes into a job.
	maxInput = 64 << 20
	// maxImage bounds an image as it is sent. A larger one gets no thumbnail.
	maxImage = 32 << 20
	// pixelBudget bounds a decoded image in memory, whatever its format: 50 million
	// pixels of 4 bytes.
	pixelBudget = 208 << 20
	// scratchBudget bounds the memory that scaling takes besides the image.
	scratchBudget = 64 << 20
	// maxSide is the longest side that any of the formats can have.
	maxSide = 1 << 31 / 16

	// imageMemory is the memory of a job: the file, its pixels and scaling.
	imageMemory = maxImage + pixelBudget + scratchBudget + 16<<20
	// convertMemory is the memory of ffmpeg. A clip of 4K needs some 200 MiB.
	convertMemory = 384 << 20
	// idleReserve is the address space that Go reserves without using it. The kernel
	// counts it as data.
	idleReserve = 192 << 20

	minMemory = 1 << 20
	maxMemory = 1 << 30

	imageCPU   = 20 // seconds
	headCPU    = 3
	convertCPU = 40
	maxCPU     = 600

	// imageTime and convertTime bound a job by the clock. Jobs have a low priority, so on
	// a busy machine they take longer than their processor time.
	imageTime   = 20 * time.Second
	convertTime = 30 * time.Second
	// headTime is for what reads a few places of a file: it is short, since a message
	// goes out without what was not found in time.
	headTime = 8 * time.Second

	// The largest answers.
	maxThumbnail = 64 << 10
	maxPicture   = 2 << 20
	maxConverted = 32 << 20

	// maxVoice bounds a voice message of which a waveform is made, and maxWave that.
	maxVoice = 16 << 20
	maxWave  = 64

	// maxVideoPixels is one frame of 4K (4096x2160). ffmpeg refuses larger ones.
	maxVideoPixels = "8847360"
	// maxVideoAlloc bounds each piece of memory that ffmpeg asks for.
	maxVideoAlloc = "134217728"

	maxDescriptors = 64
	niceness       = 10

	jobsAtOnce        = 2
	conversionsAtOnce = 1
	jobsWaiting       = 16
	jobPatience       = 10 * time.Second
	retryAfter        = 5 * time.Second
)
