# vcpud in an image of its own. It needs /dev/kvm and nothing else of the host:
#   docker build -t vcpud . && docker run --device /dev/kvm -v /run/vcpud:/run/vcpud vcpud

FROM node:20-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:20-bookworm-slim
ENV NODE_ENV=production
WORKDIR /opt/vcpud
COPY --from=build /src/package.json /src/LICENSE ./
COPY --from=build /src/node_modules node_modules
COPY --from=build /src/protos protos
COPY --from=build /src/dist/bin dist/bin
RUN ln -s /opt/vcpud/dist/bin/vcpud.js /usr/local/bin/vcpud \
 && ln -s /opt/vcpud/dist/bin/vcpuctl.js /usr/local/bin/vcpuctl \
 && chmod +x dist/bin/vcpud.js dist/bin/vcpuctl.js
VOLUME /run/vcpud
HEALTHCHECK --interval=30s --timeout=10s CMD ["vcpuctl", "host", "get"]
ENTRYPOINT ["vcpud"]
CMD ["serve", "--listen", "unix:///run/vcpud/vcpud.sock"]
