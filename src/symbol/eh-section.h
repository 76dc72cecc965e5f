/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "symbol/elf-image.h"

typedef struct EhSection {
        uint64_t offset, size; /* within the file */
        uint64_t address;
        bool bounded; /* the size is that of a section; else it ends at the first empty entry */
} EhSection;

/* The .eh_frame of @image: by its name, or where PT_GNU_EH_FRAME says if there are no sections. -ENODATA,
 * -EFBIG, -EBADMSG. */
int eh_section_find(const ElfImage *image, EhSection *ret_section);
