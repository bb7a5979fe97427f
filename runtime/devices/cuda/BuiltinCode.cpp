// The bytes of Builtin.cu's kernels, for all architectures, inside the plug-in.
__asm__(".section .rodata\n"
        ".balign 16\n"
        ".globl llcc_builtin_code\n"
        ".hidden llcc_builtin_code\n"
        "llcc_builtin_code:\n"
        ".incbin \"" LLCC_BUILTIN_CODE "\"\n"
        ".byte 0\n"
        ".previous\n");
